import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import SMALL, random_params, random_window
from scipy.integrate import solve_ivp

from liquid_adapt_ros.lnn.head import policy_outputs
from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.kernel import step, unroll
from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.streaming import StreamingStep
from liquid_adapt_ros.lnn.time_constants import time_constant

SPEC = PolicySpec()


def slope(steps_s: list[float], errors: list[float]) -> float:
    return np.polyfit(np.log(steps_s), np.log(errors), 1)[0]


def test_error_falls_with_the_fourth_power_of_the_step_where_the_solution_is_known():
    """Without recurrence f is constant: h(t) = tau f + (h0 - tau f) exp(-t / tau)."""
    params = random_params(SMALL, seed=1)
    params["core.recurrent_weight"][:] = 0.0
    params["core.tau_raw"][:] = np.linspace(-2.0, 2.0, SMALL.hidden)
    hidden_state, features = random_window(SMALL, 2, 1, seed=2)
    activation = np.tanh(features[:, 0] @ params["core.input_weight"].T + params["core.bias"])
    forcing = activation @ params["core.output_weight"].T + params["core.output_bias"]
    tau, duration_s = time_constant(SMALL, params["core.tau_raw"]), 0.16
    exact = tau * forcing + (hidden_state - tau * forcing) * np.exp(-duration_s / tau)
    counts = [16, 32, 64, 128]
    errors = []
    for count in counts:
        held = np.repeat(features, count, axis=1)
        last = unroll(SMALL, params, hidden_state, held, duration_s / count)[:, -1]
        errors.append(np.abs(last - exact).max())
    assert slope([duration_s / n for n in counts], errors) == pytest.approx(4.0, abs=0.2)


def test_error_falls_with_the_fourth_power_of_the_step_on_the_full_cell():
    params = random_params(SMALL, seed=3)
    params["core.tau_raw"][:] = np.linspace(0.0, 2.0, SMALL.hidden)
    hidden_state, features = random_window(SMALL, 1, 1, seed=4)

    def rate(_, state):
        argument = features[0, 0] @ params["core.input_weight"].T + params["core.bias"]
        activation = np.tanh(argument + params["core.recurrent_weight"] @ state)
        forcing = params["core.output_weight"] @ activation + params["core.output_bias"]
        return forcing - state / time_constant(SMALL, params["core.tau_raw"])

    exact = solve_ivp(rate, (0, 0.16), hidden_state[0], "DOP853", rtol=1e-13, atol=1e-14).y[:, -1]
    counts = [8, 16, 32, 64]
    errors = []
    for count in counts:
        held = np.repeat(features, count, axis=1)
        last = unroll(SMALL, params, hidden_state, held, 0.16 / count)[0, -1]
        errors.append(np.abs(last - exact).max())
    assert slope([0.16 / n for n in counts], errors) == pytest.approx(4.0, abs=0.2)


def test_window_is_its_steps_one_after_the_other():
    params = random_params(SMALL, seed=5)
    hidden_state, features = random_window(SMALL, 3, 6, seed=6)
    steps = np.linspace(0.005, 0.02, 6)
    states = unroll(SMALL, params, hidden_state, features, steps)
    for t in range(6):
        hidden_state = step(SMALL, params, hidden_state, features[:, t], steps[t])
        np.testing.assert_allclose(states[:, t], hidden_state, rtol=1e-12)


def test_unstable_step_in_a_window_is_refused():
    params = random_params(SMALL, seed=5)
    hidden_state, features = random_window(SMALL, 1, 3, seed=6)
    with pytest.raises(ValueError, match="unstable: dt = 0.05"):
        unroll(SMALL, params, hidden_state, features, np.array([0.01, 0.05, 0.01]))


def test_streaming_equals_the_window_form():
    params = initial_params(SPEC, np.random.default_rng(7))
    hidden_state, features = random_window(SPEC, 1, 300, seed=8, dtype=np.float32)
    outputs, states = policy_outputs(SPEC, params, hidden_state, features, 0.01)
    streaming = StreamingStep(SPEC, params)
    state = hidden_state[0].copy()
    for t in range(300):
        output, new_state = streaming(state, features[0, t], 0.01)
        state[:] = new_state
        np.testing.assert_allclose(output, outputs[0, t], atol=1e-5)
        np.testing.assert_allclose(state, states[0, t], atol=1e-5)
    assert state.dtype == np.float32


def test_streaming_substeps_are_shorter_steps_with_the_input_held():
    params = random_params(SMALL, seed=9)
    hidden_state, features = random_window(SMALL, 1, 1, seed=10)
    held = np.repeat(features, 4, axis=1)
    outputs, states = policy_outputs(SMALL, params, hidden_state, held, 0.01)
    output, state = StreamingStep(SMALL, params)(hidden_state[0], features[0, 0], 0.04, 4)
    np.testing.assert_allclose(state, states[0, -1], rtol=1e-12)
    np.testing.assert_allclose(output, outputs[0, -1], rtol=1e-10)


def test_streaming_step_is_not_touched_by_later_changes_of_the_arrays_it_was_built_from():
    params = random_params(SMALL, seed=9)
    hidden_state, features = random_window(SMALL, 1, 1, seed=10)
    streaming = StreamingStep(SMALL, params)
    before = streaming(hidden_state[0], features[0, 0], 0.01)[0].copy()
    for tensor in params.values():
        tensor[...] = 1e6
    np.testing.assert_array_equal(streaming(hidden_state[0], features[0, 0], 0.01)[0], before)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e6), st.floats(-20.0, 20.0))
def test_state_stays_within_the_bound_of_the_cell_under_any_input(seed, size, tau_raw):
    """|f| <= F = sum |W_out| + |b_out|, so that |h| <= max(|h0|, tau F), also after RK4."""
    params = random_params(SMALL, seed)
    params["core.tau_raw"] += tau_raw
    hidden_state, features = random_window(SMALL, 2, 60, seed)
    states = unroll(SMALL, params, hidden_state, size * features, SMALL.tau_min_s)
    forcing = np.abs(params["core.output_weight"]).sum(axis=1) + np.abs(params["core.output_bias"])
    bound = np.maximum(
        np.abs(hidden_state), time_constant(SMALL, params["core.tau_raw"]) * forcing
    )
    assert (np.abs(states) <= bound[:, None] * (1 + 1e-9)).all()


@pytest.mark.parametrize("seed", range(5))
def test_fresh_weights_give_states_and_outputs_of_order_one(seed):
    rng = np.random.default_rng(seed)
    slow = np.repeat(rng.standard_normal((8, 5, SPEC.features)), 100, axis=1).astype(np.float32)
    hidden_state = np.zeros((8, SPEC.hidden), np.float32)
    outputs, states = policy_outputs(SPEC, initial_params(SPEC, rng), hidden_state, slow, 0.01)
    assert 0.3 < states[:, 100:].std() < 3.0
    assert 0.2 < outputs[:, 100:].std() < 2.0
