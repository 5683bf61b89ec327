"""Robots that share a parameter file keep a checkpoint each, and no file has two trainers."""

from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from std_srvs.srv import Trigger

from liquid_adapt_ros.nodes.learner_checkpoint import checkpoint_path

# Importing torch takes long on a busy machine.
START_TIMEOUT_S = 90.0


@pytest.mark.parametrize(
    ("parameter", "namespace", "file"),
    [
        ("jetson.safetensors", "/", "/ros/liquid_adapt_ros/jetson.safetensors"),
        ("jetson.safetensors", "/left", "/ros/liquid_adapt_ros/left/jetson.safetensors"),
        ("a/b.safetensors", "/cell/left", "/ros/liquid_adapt_ros/cell/left/a/b.safetensors"),
        ("/data/jetson.safetensors", "/left", "/data/jetson.safetensors"),
        ("~/jetson.safetensors", "/left", "/home/robot/jetson.safetensors"),
    ],
)
def test_a_relative_checkpoint_file_is_below_the_namespace(
    monkeypatch, parameter, namespace, file
):
    monkeypatch.setenv("ROS_HOME", "/ros")
    monkeypatch.setenv("HOME", "/home/robot")
    assert checkpoint_path(parameter, namespace) == Path(file)


def test_without_ros_home_it_is_in_the_users_home(monkeypatch):
    monkeypatch.delenv("ROS_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/robot")
    expected = "/home/robot/.ros/liquid_adapt_ros/left/state.safetensors"
    assert checkpoint_path("state.safetensors", "/left") == Path(expected)


def test_two_robots_with_the_same_parameters_keep_a_file_each_and_a_third_trainer_is_refused(
    probe, model, start_node, tmp_path, monkeypatch
):
    monkeypatch.setenv("ROS_HOME", str(tmp_path))
    parameters = {"model_file": str(model.model_path), "checkpoint_file": "robot.safetensors"}
    for namespace in ("left", "right"):
        node = start_node("online_trainer", parameters, namespace)
        node.wait_for_output("activate done", START_TIMEOUT_S)
    for namespace in ("left", "right"):
        service = f"/{namespace}/online_trainer/save_checkpoint"
        path = tmp_path / "liquid_adapt_ros" / namespace / "robot.safetensors"
        answer = probe.call(Trigger, service, Trigger.Request())
        assert answer.success and answer.message == f"saved to {path}"
        assert path.is_file()
    reconfigured = [
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
        Transition.TRANSITION_CONFIGURE,
    ]
    for transition in reconfigured:
        request = ChangeState.Request(transition=Transition(id=transition))
        assert probe.call(ChangeState, "/left/online_trainer/change_state", request).success
    third = start_node("online_trainer", parameters, "right")
    assert third.wait(START_TIMEOUT_S) == 1
    assert f"could not configure: checkpoint_file: another process uses {path};" in third.output()
    assert "Traceback" not in third.output()
