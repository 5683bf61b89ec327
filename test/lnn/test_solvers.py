"""Order, exactness and stability of the solvers, and the equations written a second time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import ODE_CELLS, random_params, random_window, run_window, small_spec
from scipy.integrate import solve_ivp

from liquid_adapt_ros.lnn import LiquidNetwork, NetworkSpec
from liquid_adapt_ros.lnn.solvers import SOLVERS
from liquid_adapt_ros.lnn.time_constants import time_constant

ORDERS = {"euler": 1.0, "exponential": 1.0, "fused": 1.0, "rk4": 4.0}
ADAPTIVE = ["dopri5", "dopri5_adjoint"]


def sigmoid(values):
    return 1.0 / (1.0 + np.exp(-values))


def derivative(spec: NetworkSpec, params, sample: np.ndarray, state: np.ndarray) -> np.ndarray:
    """dh/dt from the formulas in the cells' documentation."""
    driven = params["core.input_weight"] @ sample + params["core.bias"]
    driven = driven + params["core.recurrent_weight"] @ state
    if spec.cell == "ltc":
        tau = time_constant(spec, params["core.tau_raw"])
        f = sigmoid(driven) / time_constant(spec, params["core.synapse_tau_raw"])
        return -(1.0 / tau + f) * state + f * params["core.reversal"]
    f = params["core.output_weight"] @ np.tanh(driven[: spec.hidden]) + params["core.output_bias"]
    if spec.cell == "liquid_tau":
        tau = spec.tau_min_s * (spec.tau_max_s / spec.tau_min_s) ** sigmoid(driven[spec.hidden :])
    else:
        tau = time_constant(spec, params["core.tau_raw"])
    return -state / tau + f


def exact_state(spec, params, sample, state, duration_s):
    return solve_ivp(
        lambda _, h: derivative(spec, params, sample, h),
        (0.0, duration_s),
        state,
        "DOP853",
        rtol=1e-13,
        atol=1e-14,
    ).y[:, -1]


@pytest.mark.parametrize("cell", ODE_CELLS)
@pytest.mark.parametrize("solver", ORDERS)
def test_error_falls_with_the_order_of_the_solver(cell, solver):
    spec = small_spec(cell, solver)
    params = random_params(spec, seed=3)
    hidden_state, features = random_window(spec, 1, 1, seed=4)
    duration_s = 0.16
    exact = exact_state(spec, params, features[0, 0], hidden_state[0], duration_s)
    counts = np.array([32, 64, 128, 256])
    errors = []
    for count in counts:
        held = np.repeat(features, count, axis=1)
        _, states = run_window(spec, params, hidden_state, held, duration_s / count)
        errors.append(np.abs(states[0, -1] - exact).max())
    slope = np.polyfit(np.log(duration_s / counts), np.log(errors), 1)[0]
    # Terms of the next order still show at the longest of these steps.
    assert slope == pytest.approx(ORDERS[solver], abs=0.2)


@pytest.mark.parametrize("cell", ODE_CELLS)
@pytest.mark.parametrize("solver", ADAPTIVE)
def test_torchdiffeq_solves_the_same_equation(cell, solver):
    pytest.importorskip("torchdiffeq")
    spec = small_spec(cell, solver)
    params = random_params(spec, seed=3)
    hidden_state, features = random_window(spec, 2, 1, seed=4)
    steps = np.array([[0.04], [0.16]])
    _, states = run_window(spec, params, hidden_state, features, steps)
    for row in range(2):
        exact = exact_state(spec, params, features[row, 0], hidden_state[row], steps[row, 0])
        # torchdiffeq's default tolerance is 1e-7 of the state.
        np.testing.assert_allclose(states[row, 0], exact, rtol=1e-6, atol=1e-7)


def test_adjoint_gradients_are_those_through_the_operations():
    pytest.importorskip("torchdiffeq")
    gradients = []
    for solver in ADAPTIVE:
        spec = small_spec("liquid_ode", solver)
        network = LiquidNetwork(spec, random_params(spec, seed=3))
        hidden_state, features = map(torch.from_numpy, random_window(spec, 2, 3, seed=4))
        network(features, hidden_state)[0].square().sum().backward()
        gradients.append([value.grad for value in network.parameters()])
    for adjoint, direct in zip(*gradients, strict=True):
        # Both are exact only to the tolerance of the integration.
        torch.testing.assert_close(adjoint, direct, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3))
def test_exponential_solver_is_exact_where_decay_and_gain_do_not_change(seed, steps_long):
    """Without recurrence f is constant: h(t) = tau f + (h0 - tau f) exp(-t / tau)."""
    spec = small_spec("liquid_ode", "exponential")
    params = random_params(spec, seed)
    params["core.recurrent_weight"][:] = 0.0
    hidden_state, features = random_window(spec, 1, 1, seed)
    duration_s = steps_long * spec.step_s
    activation = np.tanh(params["core.input_weight"] @ features[0, 0] + params["core.bias"])
    tau = time_constant(spec, params["core.tau_raw"])
    goal = tau * (params["core.output_weight"] @ activation + params["core.output_bias"])
    exact = goal + (hidden_state[0] - goal) * np.exp(-duration_s / tau)
    _, states = run_window(spec, params, hidden_state, features, duration_s)
    np.testing.assert_allclose(states[0, 0], exact, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("solver", ["euler", "rk4"])
def test_stability_limit_is_where_a_linear_decay_starts_to_grow(solver):
    tau = torch.tensor([[0.01]], dtype=torch.float64)

    def after_one_step(steps_of_tau: float) -> float:
        def rates(state):
            return 1.0 / tau, torch.zeros_like(state)

        return abs(SOLVERS[solver].advance(rates, torch.ones_like(tau), steps_of_tau * tau, ()))

    limit = SOLVERS[solver].STABILITY_LIMIT
    assert after_one_step(limit) <= 1.0
    assert after_one_step(limit + 0.001) > 1.0


@pytest.mark.parametrize("solver", ["exponential", "fused"])
@given(st.floats(1e-6, 1e9))
def test_solvers_without_limit_never_make_a_linear_decay_grow(solver, steps_of_tau):
    tau = torch.tensor([[0.01]], dtype=torch.float64)

    def rates(state):
        return 1.0 / tau, torch.zeros_like(state)

    state = SOLVERS[solver].advance(rates, torch.ones_like(tau), steps_of_tau * tau, ())
    assert 0.0 <= state.item() < 1.0


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["euler", "rk4", "exponential", "fused"]),
    st.integers(0, 2**32 - 1),
    st.floats(0.1, 1e6),
    st.floats(-20.0, 20.0),
)
def test_state_of_the_core_stays_within_its_bound_under_any_input(solver, seed, size, tau_raw):
    """|f| <= F = sum |W_out| + |b_out|, so that |h| <= max(|h0|, tau F), at dt = tau_min."""
    spec = small_spec("liquid_ode", solver)
    params = random_params(spec, seed)
    params["core.tau_raw"] += tau_raw
    hidden_state, features = random_window(spec, 2, 60, seed)
    _, states = run_window(spec, params, hidden_state, size * features, spec.tau_min_s)
    forcing = np.abs(params["core.output_weight"]).sum(axis=1) + np.abs(params["core.output_bias"])
    bound = np.maximum(np.abs(hidden_state), time_constant(spec, params["core.tau_raw"]) * forcing)
    assert (np.abs(states) <= bound[:, None] * (1 + 1e-9)).all()


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["fused", "exponential"]),
    st.integers(0, 2**32 - 1),
    st.floats(0.1, 1e6),
    st.floats(1e-3, 1e3),
)
def test_state_of_an_ltc_stays_between_zero_and_its_reversal(solver, seed, size, steps_long):
    """Theorem 2 of arXiv 2006.04439, for any input and any step."""
    spec = small_spec("ltc", solver)
    params = random_params(spec, seed)
    _, features = random_window(spec, 2, 40, seed)
    start = np.zeros((2, spec.hidden))
    _, states = run_window(spec, params, start, size * features, steps_long * spec.step_s)
    low, high = np.minimum(params["core.reversal"], 0), np.maximum(params["core.reversal"], 0)
    slack = 1e-12 * np.abs(params["core.reversal"])
    assert (states >= low - slack).all() and (states <= high + slack).all()
