import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import neutral_norm, run_window

from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.runtime.engine import PolicyOutput, StreamingPolicy
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.weights.codec import WeightFormatError
from liquid_adapt_ros.weights.model_file import ModelFile

SPEC = PolicySpec()
RNG = np.random.default_rng(0)
NORM = neutral_norm(SPEC) | {
    "norm.output_mean": RNG.standard_normal(12).astype(np.float32),
    "norm.output_scale": RNG.uniform(0.5, 2.0, 12).astype(np.float32),
}
FEATURES = RNG.standard_normal((40, SPEC.features)).astype(np.float32)


def params(seed: int) -> dict[str, np.ndarray]:
    return initial_params(SPEC.network, np.random.default_rng(seed))


def policy() -> StreamingPolicy:
    return StreamingPolicy(SPEC, params(1), NORM)


def vector(output: PolicyOutput) -> np.ndarray:
    return np.concatenate(
        [output.joint_velocity, output.base, [output.gripper], output.position], dtype=np.float32
    )


def window(weights, hidden_state, features):
    outputs, states = run_window(SPEC.network, weights, hidden_state, features[None])
    return NORM["norm.output_mean"] + NORM["norm.output_scale"] * outputs[0], states[:, -1]


def test_streaming_equals_the_window_form_also_across_a_swap():
    before, state = window(params(1), np.zeros((1, SPEC.hidden), np.float32), FEATURES[:20])
    after, _ = window(params(2), state, FEATURES[20:])
    streaming = policy()
    outputs = [vector(streaming.step(sample, SPEC.step_s)) for sample in FEATURES[:20]]
    streaming.swap(params(2))
    outputs += [vector(streaming.step(sample, SPEC.step_s)) for sample in FEATURES[20:]]
    np.testing.assert_allclose(outputs, np.concatenate([before, after]), atol=2e-5)


def test_output_groups_have_their_sizes_and_are_kept_from_the_next_step():
    streaming = policy()
    first = streaming.step(FEATURES[0], 0.01)
    copy = vector(first).copy()
    streaming.step(FEATURES[1], 0.01)
    assert (first.joint_velocity.shape, first.base.shape, first.position.shape) == (
        (6,),
        (2,),
        (3,),
    )
    np.testing.assert_array_equal(vector(first), copy)


def test_weights_that_do_not_fit_leave_the_present_ones():
    streaming, untouched = policy(), policy()
    with pytest.raises(ValueError, match="missing tensors"):
        streaming.swap({"readout.bias": np.zeros(12, np.float32)})
    np.testing.assert_array_equal(
        vector(streaming.step(FEATURES[0], 0.01)), vector(untouched.step(FEATURES[0], 0.01))
    )


def test_reset_forgets_what_was_seen():
    streaming = policy()
    first = vector(streaming.step(FEATURES[0], 0.01))
    assert streaming.hidden_state.any()
    streaming.reset()
    assert not streaming.hidden_state.any()
    np.testing.assert_array_equal(vector(streaming.step(FEATURES[0], 0.01)), first)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_input_that_is_not_finite_is_reported_and_does_not_reach_the_state(bad):
    streaming = policy()
    streaming.step(FEATURES[0], 0.01)
    before = streaming.hidden_state
    poisoned = FEATURES[1].copy()
    poisoned[3] = bad
    assert not streaming.step(poisoned, 0.01).finite
    np.testing.assert_array_equal(streaming.hidden_state, before)
    assert streaming.step(FEATURES[1], 0.01).finite


def test_output_that_is_not_finite_is_reported():
    streaming = policy()
    streaming.swap(params(1) | {"readout.weight": np.full((12, 64), 3e38, np.float32)})
    assert not streaming.step(FEATURES[0], 0.01).finite


def test_late_sample_is_integrated_in_stable_steps():
    late, regular = policy(), policy()
    for _ in range(20):
        regular.step(FEATURES[0], 0.01)
    late.step(FEATURES[0], 0.2)
    np.testing.assert_allclose(late.hidden_state, regular.hidden_state, atol=0.02)


def test_gap_longer_than_the_memory_starts_from_zero():
    gap, fresh = policy(), policy()
    gap.step(FEATURES[0], 0.01)
    gap.step(FEATURES[1], SPEC.tau_max_s + 0.5)
    fresh.step(FEATURES[1], SPEC.step_s)
    np.testing.assert_array_equal(gap.hidden_state, fresh.hidden_state)


@pytest.mark.parametrize("dt_s", [0.0, -0.01, float("nan"), float("inf")])
def test_time_that_does_not_run_forward_is_refused(dt_s):
    with pytest.raises(ValueError, match="dt_s must be positive"):
        policy().step(FEATURES[0], dt_s)


def test_features_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"features \(139,\), expected \(140,\)"):
        policy().step(FEATURES[0, :-1], 0.01)


def test_saved_model_runs_as_the_one_in_memory(tmp_path):
    path = tmp_path / "model.safetensors"
    saved = ModelFile(SPEC.to_dict(), params(1), NORM, "ab" * 32, {"weight_version": 3})
    saved.save(path)
    loaded = load_policy(path)
    assert loaded.spec == SPEC
    assert loaded.fingerprint == saved.fingerprint
    assert loaded.metadata == {"weight_version": 3}
    streaming = StreamingPolicy(loaded.spec, loaded.params, loaded.norm)
    np.testing.assert_array_equal(
        vector(streaming.step(FEATURES[0], 0.01)), vector(policy().step(FEATURES[0], 0.01))
    )


def test_model_with_a_scale_of_zero_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    norm = NORM | {"norm.output_scale": np.zeros(12, np.float32)}
    ModelFile(SPEC.to_dict(), params(1), norm, "ab" * 32).save(path)
    with pytest.raises(WeightFormatError, match="norm.output_scale must be positive"):
        load_policy(path)


@given(st.floats(1e-4, 1.0))
@settings(deadline=None)
def test_any_gap_is_split_into_parts_that_the_solver_takes(gap_s):
    """Also where one and a half steps are longer than what is stable."""
    spec = PolicySpec(step_s=0.02, hidden=4, head=4)
    weights = initial_params(spec.network, np.random.default_rng(0))
    streaming = StreamingPolicy(spec, weights, neutral_norm(spec))
    for dt_s in (gap_s, spec.network.max_stable_step_s * round(gap_s * 35)):
        if dt_s:
            assert streaming.step(FEATURES[0], dt_s).finite
