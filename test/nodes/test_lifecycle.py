"""Nodes as managed processes: they start themselves or wait, and end cleanly."""

import signal

import pytest
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from ros_probe import ros_probe
from tiny_model import write_tiny_model

NODES = ("sensor_fusion", "lnn_inference")


@pytest.fixture
def parameters(tmp_path):
    model = write_tiny_model(tmp_path)
    return {
        "sensor_fusion": model.parameters(),
        "lnn_inference": {"model_file": str(model.model_path)},
    }


@pytest.mark.parametrize("executable", NODES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_a_node_with_exit_code_0(
    ros_domain, start_node, parameters, executable, number
):
    node = start_node(executable, parameters[executable])
    node.wait_for_output("activate done")
    assert node.stop(number) == 0
    assert "shutdown done" in node.output() and "Traceback" not in node.output()


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


@pytest.mark.parametrize("executable", NODES)
def test_without_autostart_a_lifecycle_manager_is_in_charge(
    ros_domain, start_node, parameters, executable
):
    node = start_node(executable, parameters[executable] | {"autostart": False})
    with ros_probe() as probe:

        def state():
            request = GetState.Request()
            return probe.call(GetState, f"{executable}/get_state", request).current_state.id

        def change(transition):
            request = ChangeState.Request(transition=Transition(id=transition))
            return probe.call(ChangeState, f"{executable}/change_state", request).success

        assert state() == State.PRIMARY_STATE_UNCONFIGURED
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
            assert state() == expected
    assert node.stop() == 0
