"""sensor_fusion and lnn_inference as processes on the files of export_model."""

import numpy as np
import pytest
from policy_drivers import Observations, weight_update
from ros_probe import maps_torch
from sensor_drivers import SensorDrivers
from tiny_model import TinyModel, write_tiny_model

from liquid_adapt_ros.msg import FusedState, PolicyAction, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import stamp_ns
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.profile.processes import memory_of

PERIOD_S = 0.01
FUSION_PSS_MB, INFERENCE_PSS_MB = 180.0, 120.0
SHIPPED = share_folder() / "models" / "conveyor_policy.safetensors"
PARAMETERS = {
    "use_sim_time": True,
    # The machine that runs the tests may be busy; simulated time is what counts here.
    "input_timeout_real_s": 5.0,
    "joint_max_acceleration_rad_s2": [1000.0] * 6,
}


@pytest.fixture
def model():
    """The shipped model in the form in which the drivers of the tests take one."""
    shipped = load_policy(SHIPPED)
    encoder = share_folder() / "models" / "conveyor_encoder.onnx"
    return TinyModel(
        SHIPPED, encoder, shipped.spec, shipped.params, shipped.norm, shipped.fingerprint
    )


def engine(exported_model):
    return {
        "core_engine": "onnx",
        "core_file": str(exported_model.folder / "policy_step.onnx"),
    }


def test_fusion_runs_the_exported_encoder_within_its_memory_and_without_torch(
    probe, model, start_node, exported_model
):
    encoder = exported_model.folder / "conveyor_encoder.onnx"
    node = start_node("sensor_fusion", {"use_sim_time": True, "encoder_file": str(encoder)})
    received = probe.record(FusedState, "fused_state", qos.FUSED_STATE)
    SensorDrivers(probe, model.spec.joint_names)
    assert probe.spin_until(
        lambda: len(received) > 100 and received[-1].camera_valid, timeout_s=60.0
    ), node.output()
    assert received[-1].fingerprint == model.fingerprint
    assert not maps_torch(node.process.pid)
    assert memory_of("sensor_fusion", node.process.pid).pss_mb <= FUSION_PSS_MB


def test_inference_runs_the_exported_step_and_takes_new_weights_between_two_ticks(
    probe, model, start_node, exported_model
):
    actions = probe.record(PolicyAction, "policy_action", qos.POLICY_ACTION_WINDOW)
    observations = Observations(probe, model)
    node = start_node("lnn_inference", PARAMETERS | engine(exported_model))
    publisher = probe.create_publisher(WeightUpdate, "weight_update", qos.WEIGHT_UPDATE)
    assert probe.spin_until(lambda: len(actions) > 100, timeout_s=60.0), node.output()
    bias = model.params["readout.bias"].copy()
    bias[-1] += 3.0
    publisher.publish(weight_update(model, 2, **{"readout.bias": bias}))
    assert probe.spin_until(lambda: actions[-1].weight_version == 2)
    target = len(actions) + 50
    assert probe.spin_until(
        lambda: len(actions) >= target and not any(action.safe_stop for action in actions[-50:])
    )
    # The compiled core, stepped through the same observations, says the same.
    policy = StreamingPolicy(model.spec, model.params, model.norm)
    previous_ns, version = None, 0
    for number, action in enumerate(actions):
        if not action.compute_time_s:  # on a busy machine an observation comes late: no step
            assert action.safe_stop
            continue
        at_ns = stamp_ns(action.header.stamp)
        if action.weight_version != version:
            version = action.weight_version
            policy.swap(model.params | {"readout.bias": bias})
        dt_s = PERIOD_S if previous_ns is None else (at_ns - previous_ns) / 1e9
        expected, previous_ns = policy.step(observations.sent[at_ns], dt_s), at_ns
        point = action.predicted_position
        # The memory of what was observed before the probe listened has faded by then.
        if number > 100:
            np.testing.assert_allclose((point.x, point.y, point.z), expected.position, atol=2e-3)
    assert version == 2
    assert not maps_torch(node.process.pid)
    assert memory_of("lnn_inference", node.process.pid).pss_mb <= INFERENCE_PSS_MB


def test_weights_that_make_the_exported_step_infinite_are_taken_back(
    probe, model, start_node, exported_model
):
    actions = probe.record(PolicyAction, "policy_action", qos.POLICY_ACTION_WINDOW)
    Observations(probe, model)
    node = start_node("lnn_inference", PARAMETERS | engine(exported_model))
    publisher = probe.create_publisher(WeightUpdate, "weight_update", qos.WEIGHT_UPDATE)
    assert probe.spin_until(lambda: len(actions) > 20, timeout_s=60.0), node.output()
    huge = np.full_like(model.params["readout.weight"], 3e38)
    publisher.publish(weight_update(model, 1, **{"readout.weight": huge}))
    assert probe.spin_until(lambda: probe.value("lnn_inference", "weights rolled back") != "0")
    assert probe.spin_until(lambda: not actions[-1].safe_stop)
    assert actions[-1].weight_version == 0
    assert all(np.isfinite(action.joint_velocities).all() for action in actions)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"core_engine": "onnx"}, "core_engine onnx needs core_file: write it with export_model"),
        ({"core_engine": "onnx", "core_file": "/nowhere.onnx"}, "/nowhere.onnx"),
        ({"core_engine": "magic"}, "core_engine must be one of compiled, onnx, not 'magic'"),
        ({"core_provider": "magic"}, "core_provider must be one of cpu, cuda, tensorrt"),
    ],
)
def test_an_engine_that_can_not_be_had_ends_the_node_with_the_reason(
    start_node, parameters, reason
):
    node = start_node("lnn_inference", parameters)
    assert node.wait() == 1
    assert reason in node.output()


def test_a_step_of_another_model_ends_the_node_with_the_reason(
    start_node, exported_model, tmp_path
):
    other = write_tiny_model(tmp_path)
    parameters = {"model_file": str(other.model_path), **engine(exported_model)}
    node = start_node("lnn_inference", parameters)
    assert node.wait() == 1
    assert "policy_step.onnx was exported from model" in node.output()


@pytest.mark.parametrize(
    ("executable", "parameter"),
    [("sensor_fusion", "encoder_provider"), ("lnn_inference", "core_provider")],
)
def test_a_provider_that_is_not_installed_ends_the_node_with_those_that_are(
    start_node, exported_model, executable, parameter
):
    onnxruntime = pytest.importorskip("onnxruntime")
    if "TensorrtExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has TensorRT")
    engines = engine(exported_model) if executable == "lnn_inference" else {}
    node = start_node(executable, {parameter: "tensorrt", **engines})
    assert node.wait() == 1
    assert "ONNX Runtime has no provider 'tensorrt' here, only cpu" in node.output()
