import numpy as np
import pytest
import torch
from problems import SMALL, random_params, random_window
from reference import reference_outputs

from liquid_adapt_ros.lnn import gradient
from liquid_adapt_ros.lnn.head import policy_outputs
from liquid_adapt_ros.lnn.spec import PolicySpec

DEFAULT = PolicySpec()


def autograd(spec, params, hidden_state, features, steps, output_gradient, state_gradient):
    leaves = {n: torch.tensor(v, dtype=torch.float64).requires_grad_() for n, v in params.items()}
    start = torch.tensor(hidden_state, dtype=torch.float64).requires_grad_()
    inputs = torch.tensor(features, dtype=torch.float64)
    outputs, states = reference_outputs(spec, leaves, start, inputs, steps)
    loss = (outputs * torch.tensor(output_gradient)).sum()
    loss = loss + (states[:, -1] * torch.tensor(state_gradient)).sum()
    loss.backward()
    gradients = {name: leaf.grad.numpy() for name, leaf in leaves.items()}
    return outputs.detach().numpy(), gradients, start.grad.numpy()


def relative_error(value, expected):
    return np.abs(value - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("spec, batch, window", [(SMALL, 3, 12), (SMALL, 1, 1), (DEFAULT, 2, 40)])
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-6), (np.float32, 1e-4)])
def test_gradients_agree_with_autograd(spec, batch, window, dtype, tolerance):
    params = random_params(spec, seed=1, dtype=dtype)
    hidden_state, features = random_window(spec, batch, window, seed=2, dtype=dtype)
    steps = np.linspace(0.008, 0.012, window)
    rng = np.random.default_rng(3)
    output_gradient = rng.standard_normal((batch, window, spec.outputs))
    # Only some samples and outputs count, as where labels are missing.
    output_gradient *= rng.random(output_gradient.shape) < 0.5
    state_gradient = rng.standard_normal((batch, spec.hidden))
    expected_outputs, expected, expected_start = autograd(
        spec, params, hidden_state, features, steps, output_gradient, state_gradient
    )
    outputs, _, trace = gradient.forward(spec, params, hidden_state, features, steps)
    found = gradient.backward(spec, params, trace, output_gradient, state_gradient)
    assert relative_error(outputs, expected_outputs) <= tolerance
    assert relative_error(found.hidden_state, expected_start) <= tolerance
    assert found.params.keys() == spec.shapes().keys()
    for name, value in found.params.items():
        assert value.dtype == dtype
        assert relative_error(value, expected[name]) <= tolerance, name


def test_gradients_agree_with_finite_differences():
    params = random_params(SMALL, seed=4)
    hidden_state, features = random_window(SMALL, 2, 5, seed=5)
    weights = np.random.default_rng(6).standard_normal((2, 5, SMALL.outputs))

    def loss(start, changed):
        return (policy_outputs(SMALL, changed, start, features, 0.01)[0] * weights).sum()

    _, _, trace = gradient.forward(SMALL, params, hidden_state, features, 0.01)
    found = gradient.backward(SMALL, params, trace, weights)
    rng, reach = np.random.default_rng(7), 1e-5
    for name, value in params.items():
        direction = rng.standard_normal(value.shape)
        above = loss(hidden_state, params | {name: value + reach * direction})
        below = loss(hidden_state, params | {name: value - reach * direction})
        numeric = (above - below) / (2 * reach)
        assert (found.params[name] * direction).sum() == pytest.approx(numeric, rel=1e-6), name
    direction = rng.standard_normal(hidden_state.shape)
    above = loss(hidden_state + reach * direction, params)
    below = loss(hidden_state - reach * direction, params)
    numeric = (above - below) / (2 * reach)
    assert (found.hidden_state * direction).sum() == pytest.approx(numeric, rel=1e-6)


def test_forward_with_trace_gives_the_same_outputs_as_without():
    params = random_params(SMALL, seed=4)
    hidden_state, features = random_window(SMALL, 2, 5, seed=5)
    outputs, states = policy_outputs(SMALL, params, hidden_state, features, 0.01)
    traced, last_state, _ = gradient.forward(SMALL, params, hidden_state, features, 0.01)
    np.testing.assert_allclose(traced, outputs, rtol=1e-12)
    np.testing.assert_allclose(last_state, states[:, -1], rtol=1e-12)


def test_samples_without_label_do_not_count():
    params = random_params(SMALL, seed=8)
    hidden_state, features = random_window(SMALL, 1, 6, seed=9)
    _, _, trace = gradient.forward(SMALL, params, hidden_state, features, 0.01)
    found = gradient.backward(SMALL, params, trace, np.zeros((1, 6, SMALL.outputs)))
    assert all((value == 0.0).all() for value in found.params.values())
