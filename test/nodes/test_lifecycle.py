"""Nodes as managed processes: they start themselves or wait, and end cleanly."""

import ast
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
import yaml
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.lifecycle import LifecycleNode
from ros_probe import ros_probe

from liquid_adapt_ros import nodes
from liquid_adapt_ros.tools.stack import LEARNING_STACK, node_command

NODES = ("sensor_fusion", "lnn_inference")
ALL_NODES = (*NODES, "online_trainer", "conveyor_sim")
UNWILLING = """
import sys
from liquid_adapt_ros.nodes.lifecycle import ManagedNode, spin_node

class Unwilling(ManagedNode):
    def activate(self):
        raise ValueError("not today")

sys.exit(spin_node(lambda: Unwilling("unwilling", ())))
"""


@pytest.fixture
def parameters(model):
    return {
        "sensor_fusion": model.parameters(),
        "lnn_inference": {"model_file": str(model.model_path)},
        "online_trainer": {"model_file": str(model.model_path)},
        "conveyor_sim": {},
    }


@pytest.mark.parametrize("executable", ALL_NODES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_node_with_exit_code_0(
    ros_domain, start_node, parameters, executable, number
):
    node = start_node(executable, parameters[executable])
    node.wait_for_output("activate done")
    assert node.stop(number) == 0
    assert "shutdown done" in node.output() and "Traceback" not in node.output()


@pytest.mark.parametrize("executable", ALL_NODES)
def test_more_signals_do_not_spoil_the_end(ros_domain, start_node, parameters, executable):
    node = start_node(executable, parameters[executable])
    node.wait_for_output("activate done")
    deadline = time.monotonic() + 10.0
    while node.process.poll() is None and time.monotonic() < deadline:
        node.process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    assert node.wait() == 0
    assert "shutdown done" in node.output()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"model_file": "/nowhere/model.safetensors"}, "/nowhere/model.safetensors"),
        ({"camera_max_age_s": -1.0}, "camera_max_age_s"),
    ],
)
@pytest.mark.parametrize("executable", NODES)
def test_what_cannot_start_ends_with_exit_code_1_and_the_reason(
    ros_domain, start_node, parameters, executable, wrong, reason
):
    node = start_node(executable, parameters[executable] | wrong)
    assert node.wait() == 1
    assert reason in node.output() and "Traceback" not in node.output()


@pytest.mark.parametrize(
    "keys",
    [
        ("sensor_fusion",),
        ("cell", "sensor_fusion"),
        ("/cell/sensor_fusion",),
        ("/**/sensor_fusion",),
        ("/cell/*",),
        ("/**",),
    ],
    ids="/".join,
)
def test_a_misspelt_parameter_in_a_file_ends_the_start(ros_domain, tmp_path, keys):
    namespace = [] if keys == ("sensor_fusion",) else ["-r", "__ns:=/cell"]
    content = {"ros__parameters": {"camera_maxage_s": 0.3}}
    for key in reversed(keys):
        content = {key: content}
    file = tmp_path / "parameters.yaml"
    file.write_text(yaml.safe_dump(content))
    assert start_to_end(file, namespace) == (
        1,
        "bad parameter: there is no parameter camera_maxage_s; the nearest is camera_max_age_s\n",
    )


@pytest.mark.parametrize("option", ["imu_ratehz:=100.0", "sensor_fusion:imu_ratehz:=100.0"])
def test_a_misspelt_parameter_on_the_command_line_ends_the_start(ros_domain, tmp_path, option):
    (tmp_path / "none.yaml").write_text("another_node: {ros__parameters: {anything: 1}}\n")
    assert start_to_end(tmp_path / "none.yaml", ["-p", option]) == (
        1,
        "bad parameter: there is no parameter imu_ratehz; the nearest is imu_rate_hz\n",
    )


def start_to_end(file, arguments):
    """Exit code and output of a sensor_fusion that ends by itself."""
    command = [*node_command(LEARNING_STACK[0], file), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def state_of(probe, name):
    request = GetState.Request()  # waits also for the node's start, which may import torch
    return probe.call(GetState, f"{name}/get_state", request, timeout_s=60.0).current_state.id


def test_a_node_waits_for_the_one_before_it_to_be_active(ros_domain, start_node, parameters):
    later = start_node(
        "lnn_inference", parameters["lnn_inference"] | {"start_after": "sensor_fusion"}
    )
    later.wait_for_output("configure done")
    earlier = start_node("sensor_fusion", parameters["sensor_fusion"] | {"autostart": False})
    with ros_probe() as probe:

        def change(transition):
            request = ChangeState.Request(transition=Transition(id=transition))
            assert probe.call(ChangeState, "sensor_fusion/change_state", request).success

        change(Transition.TRANSITION_CONFIGURE)
        probe.spin_for(0.5)  # several times the period with which it asks
        assert state_of(probe, "lnn_inference") == State.PRIMARY_STATE_INACTIVE
        change(Transition.TRANSITION_ACTIVATE)
        later.wait_for_output("activate done")
        assert state_of(probe, "lnn_inference") == State.PRIMARY_STATE_ACTIVE
    assert later.stop() == 0 and earlier.stop() == 0


def test_an_activation_that_fails_after_waiting_ends_with_exit_code_1(
    ros_domain, start_node, parameters
):
    start_node("sensor_fusion", parameters["sensor_fusion"])
    command = [sys.executable, "-c", UNWILLING, "--ros-args", "-p", "start_after:=sensor_fusion"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "could not activate: not today" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("executable", ALL_NODES)
def test_without_autostart_a_lifecycle_manager_is_in_charge(
    ros_domain, start_node, parameters, executable
):
    node = start_node(executable, parameters[executable] | {"autostart": False})
    with ros_probe() as probe:

        def change(transition):
            request = ChangeState.Request(transition=Transition(id=transition))
            return probe.call(ChangeState, f"{executable}/change_state", request).success

        assert state_of(probe, executable) == State.PRIMARY_STATE_UNCONFIGURED
        for transition, expected in (
            (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
            (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
            (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_CLEANUP, State.PRIMARY_STATE_UNCONFIGURED),
            (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
            (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
        ):
            assert change(transition), node.output()
            assert state_of(probe, executable) == expected
    assert node.stop() == 0


def assigned_attributes(source):
    """The attributes that classes derived from ManagedNode assign to self, as (class, name)."""
    for found in ast.walk(ast.parse(source)):
        bases = [base.id for base in getattr(found, "bases", []) if isinstance(base, ast.Name)]
        if isinstance(found, ast.ClassDef) and "ManagedNode" in bases:
            for node in ast.walk(found):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    yield found.name, node.attr


def test_no_node_overwrites_what_rclpy_keeps_in_it(ros_domain):
    rclpy.init()
    try:
        taken = vars(LifecycleNode("plain")).keys()
    finally:
        rclpy.shutdown()
    assert "_services" in taken
    folder = Path(nodes.__file__).parent
    assigned = {
        pair for file in folder.glob("*.py") for pair in assigned_attributes(file.read_text())
    }
    assert {cls for cls, _ in assigned} >= {"SensorFusion", "OnlineTrainer"}
    assert {(cls, name) for cls, name in assigned if name in taken} == set()
