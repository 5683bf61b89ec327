"""A policy on the exported step does what it does on the compiled core."""

import numpy as np
import pytest
from exported_step import write_exported_step
from problems import neutral_norm
from tiny_model import write_tiny_encoder

from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.spec import FeatureLayout, PolicySpec
from liquid_adapt_ros.runtime.engine import PolicyOutput, StreamingPolicy
from liquid_adapt_ros.runtime.onnx_step import ExportedStep

SPEC = PolicySpec(inputs=FeatureLayout(embedding=8), hidden=10, head=6)
NORM = neutral_norm(SPEC)
FINGERPRINT = "f" * 64
FEATURES = np.random.default_rng(0).standard_normal((60, SPEC.features)).astype(np.float32)


def params(seed: int) -> dict[str, np.ndarray]:
    return initial_params(SPEC.network, np.random.default_rng(seed))


def vector(output: PolicyOutput) -> np.ndarray:
    return np.concatenate(
        [output.joint_velocity, output.base, [output.gripper], output.position], dtype=np.float32
    )


@pytest.fixture(scope="module")
def step_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("step") / "policy_step.onnx"
    return write_exported_step(path, SPEC, params(9), FINGERPRINT)


@pytest.fixture
def policy(step_file):
    exported = ExportedStep(step_file, SPEC, FINGERPRINT)
    return StreamingPolicy(SPEC, params(1), NORM, exported.with_weights)


def test_answers_as_the_compiled_core_at_irregular_times_and_across_a_swap(policy):
    compiled = StreamingPolicy(SPEC, params(1), NORM)
    for number, sample in enumerate(FEATURES):
        # Some gaps are longer than a step of the solver may be.
        dt_s = (0.01, 0.013, 0.06)[number % 3]
        answer, expected = policy.step(sample, dt_s), compiled.step(sample, dt_s)
        assert answer.finite and expected.finite
        np.testing.assert_allclose(vector(answer), vector(expected), atol=1e-5)
        np.testing.assert_allclose(policy.hidden_state, compiled.hidden_state, atol=1e-5)
        if number == 30:
            policy.swap(params(2))
            compiled.swap(params(2))


def test_a_swap_does_not_depend_on_what_becomes_of_the_callers_arrays(policy):
    given = params(2)
    policy.swap(given)
    for tensor in given.values():
        tensor[...] = np.nan
    assert policy.step(FEATURES[0], 0.01).finite


def test_weights_that_do_not_fit_leave_the_present_ones(policy):
    before = vector(policy.step(FEATURES[0], 0.01)).copy()
    policy.reset()
    with pytest.raises(ValueError, match="missing tensors"):
        policy.swap({"readout.bias": np.zeros(12, np.float32)})
    np.testing.assert_array_equal(vector(policy.step(FEATURES[0], 0.01)), before)


@pytest.mark.parametrize("dt_s", [0.01, 0.06])
def test_input_that_is_not_finite_is_reported_and_does_not_reach_the_state(policy, dt_s):
    policy.step(FEATURES[0], 0.01)
    before = policy.hidden_state
    poisoned = FEATURES[1].copy()
    poisoned[3] = np.nan
    assert not policy.step(poisoned, dt_s).finite
    np.testing.assert_array_equal(policy.hidden_state, before)
    assert policy.step(FEATURES[1], 0.01).finite


def test_a_step_of_another_model_is_refused(step_file):
    with pytest.raises(ValueError, match=f"exported from model '{FINGERPRINT}', not 'other'"):
        ExportedStep(step_file, SPEC, "other")


def test_a_file_that_is_no_step_is_refused(tmp_path):
    write_tiny_encoder(tmp_path / "encoder.onnx", 16, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"encoder\.onnx was exported from model ''"):
        ExportedStep(tmp_path / "encoder.onnx", SPEC, FINGERPRINT)
    (tmp_path / "noise.onnx").write_bytes(b"noise")
    with pytest.raises(ValueError, match=r"noise\.onnx is not a usable ONNX model"):
        ExportedStep(tmp_path / "noise.onnx", SPEC, FINGERPRINT)
    with pytest.raises(OSError, match="missing"):
        ExportedStep(tmp_path / "missing.onnx", SPEC, FINGERPRINT)


def test_a_step_for_other_weights_is_refused(step_file):
    with_another_cell = PolicySpec(inputs=FeatureLayout(embedding=8), cell="ltc", solver="fused")
    with pytest.raises(ValueError, match="are not those of the step of a policy"):
        ExportedStep(step_file, with_another_cell, FINGERPRINT)


def test_a_provider_that_is_not_there_is_named_with_those_that_are(step_file):
    with pytest.raises(ValueError, match="no provider 'quantum' here, only cpu"):
        ExportedStep(step_file, SPEC, FINGERPRINT, "quantum")
