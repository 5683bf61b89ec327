"""The compiled kernel against autograd through the plain equations, and finite differences."""

import numpy as np
import pytest
import torch
from problems import COMPILED, irregular_steps, random_params, random_window, small_spec

from liquid_adapt_ros.lnn import LiquidNetwork, NetworkSpec
from liquid_adapt_ros.lnn.kernel import instruction_set


def loss_and_gradients(spec, params, hidden_state, features, dts, compiled, dtype):
    """Everything that comes out of a window, by name, in float64."""
    network = LiquidNetwork(spec, {name: value.astype(dtype) for name, value in params.items()})
    network.core.compiled = compiled
    start = torch.from_numpy(hidden_state.astype(dtype)).requires_grad_()
    sequence = torch.from_numpy(features.astype(dtype)).requires_grad_()
    outputs, last_state = network(sequence, start, dts)
    rng = np.random.default_rng(3)
    # Only some samples and outputs count, as where labels are missing.
    weight = rng.standard_normal(outputs.shape) * (rng.random(outputs.shape) < 0.5)
    state_weight = rng.standard_normal(last_state.shape)
    loss = (outputs * torch.from_numpy(weight.astype(dtype))).sum()
    loss = loss + (last_state * torch.from_numpy(state_weight.astype(dtype))).sum()
    loss.backward()
    found = {"outputs": outputs, "last_state": last_state}
    found |= {"d_start": start.grad, "d_features": sequence.grad}
    found |= {f"d_{name}": value.grad for name, value in network.named_parameters()}
    return {name: value.detach().numpy().astype(np.float64) for name, value in found.items()}


def relative_error(value, expected):
    return np.abs(value - expected).max() / np.abs(expected).max()


# float64: round-off of some hundred operations; float32: what is asked for.
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-11), (np.float32, 1e-4)])
@pytest.mark.parametrize("cell, solver", COMPILED)
def test_values_and_gradients_are_those_of_autograd(cell, solver, dtype, tolerance):
    for changes, batch, window in (
        ({}, 3, 12),
        ({"hidden": 16, "substeps": 3}, 1, 9),
        ({"hidden": 64, "head": 0}, 6, 30),
    ):
        spec = small_spec(cell, solver, **changes)
        params = random_params(spec, seed=1, dtype=np.float32)
        hidden_state, features = random_window(spec, batch, window, seed=2)
        dts = irregular_steps(spec, batch, window, seed=4)
        arguments = spec, params, hidden_state, features, dts
        expected = loss_and_gradients(*arguments, compiled=False, dtype=np.float64)
        found = loss_and_gradients(*arguments, compiled=True, dtype=dtype)
        for name, value in found.items():
            assert relative_error(value, expected[name]) <= tolerance, (changes, name)


@pytest.mark.parametrize("cell, solver", COMPILED)
def test_gradients_agree_with_finite_differences(cell, solver):
    spec = small_spec(cell, solver)
    params = random_params(spec, seed=4)
    hidden_state, features = random_window(spec, 2, 5, seed=5)
    dts = irregular_steps(spec, 2, 5, seed=6)
    weight = torch.from_numpy(np.random.default_rng(7).standard_normal((2, 5, spec.outputs)))

    def loss(tensors):
        network = LiquidNetwork(spec, {n: t for n, t in tensors.items() if "." in n})
        inputs = {n: torch.tensor(tensors[n]).requires_grad_() for n in ("features", "start")}
        value = (network(inputs["features"], inputs["start"], dts)[0] * weight).sum()
        return value, dict(network.named_parameters()) | inputs

    tensors = params | {"features": features, "start": hidden_state}
    value, leaves = loss(tensors)
    value.backward()
    rng, reach = np.random.default_rng(8), 1e-5
    for name, tensor in tensors.items():
        direction = rng.standard_normal(tensor.shape)
        with torch.no_grad():
            above = loss(tensors | {name: tensor + reach * direction})[0].item()
            below = loss(tensors | {name: tensor - reach * direction})[0].item()
        numeric = (above - below) / (2 * reach)
        analytic = (leaves[name].grad.numpy() * direction).sum()
        # Truncation of the central difference is of order reach^2, round-off 1e-16 / reach.
        assert analytic == pytest.approx(numeric, rel=1e-6, abs=1e-9), name


def test_samples_that_do_not_count_give_no_gradient():
    spec = small_spec("liquid_ode", "rk4")
    network = LiquidNetwork(spec)
    outputs, _ = network(torch.randn(1, 6, spec.features, generator=torch.manual_seed(9)))
    (outputs * 0.0).sum().backward()
    assert all((value.grad == 0.0).all() for value in network.parameters())


@pytest.mark.parametrize("value", [-1e30, -100.0, -9.0, -0.3, -1e-6, 0.0, 1e-6, 0.3, 9.0, 1e30])
def test_activations_of_the_kernel_are_accurate_to_a_few_units_in_the_last_place(value):
    """With all other weights at rest, one Euler step of 1 s is tanh(x) itself."""
    spec = NetworkSpec(1, 1, hidden=1, solver="euler", step_s=1.0, tau_min_s=1e6, tau_max_s=1e7)
    params = {name: np.zeros(shape, np.float32) for name, shape in spec.shapes().items()}
    params["core.output_weight"][:] = 1.0
    params["core.bias"][:] = value
    network = LiquidNetwork(spec, params)
    state = network.core.step(torch.zeros(1, 1), torch.zeros(1, 1)).item()
    assert state == pytest.approx(np.tanh(np.float64(np.float32(value))), rel=4e-7, abs=0.0)


def test_no_number_of_one_row_reaches_another_through_the_padding():
    spec = small_spec("liquid_tau", "exponential")
    params = random_params(spec, seed=1, dtype=np.float32)
    hidden_state, features = random_window(spec, 4, 6, seed=2, dtype=np.float32)
    network = LiquidNetwork(spec, params)
    clean, _ = network(torch.from_numpy(features), torch.from_numpy(hidden_state))
    features[1] = np.nan
    poisoned, _ = network(torch.from_numpy(features), torch.from_numpy(hidden_state))
    assert poisoned[1].isnan().all()
    torch.testing.assert_close(poisoned[[0, 2, 3]], clean[[0, 2, 3]], rtol=0.0, atol=0.0)


def test_the_instruction_set_in_use_can_be_asked_for():
    assert instruction_set() in ("avx2", "baseline")
