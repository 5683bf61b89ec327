import numpy as np
import pytest
import torch
from problems import SMALL, random_params, random_window
from reference import reference_outputs

from liquid_adapt_ros.lnn.torch_policy import LiquidPolicy


def test_state_dict_has_the_tensor_names_and_shapes():
    policy = LiquidPolicy(SMALL)
    assert {n: tuple(v.shape) for n, v in policy.state_dict().items()} == SMALL.shapes()


def test_values_and_gradients_are_those_of_autograd_through_the_plain_form():
    params = random_params(SMALL, seed=1)
    policy = LiquidPolicy(SMALL, params)
    hidden_state, features = map(torch.tensor, random_window(SMALL, 2, 8, seed=2))
    start, reference_start = hidden_state.requires_grad_(), hidden_state.detach().clone()
    reference_start.requires_grad_()
    outputs, last_state = policy(features, start)
    (outputs.square().mean() + last_state.sum()).backward()
    leaves = {n: torch.tensor(v).requires_grad_() for n, v in params.items()}
    expected, states = reference_outputs(SMALL, leaves, reference_start, features, [0.01] * 8)
    (expected.square().mean() + states[:, -1].sum()).backward()
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(start.grad, reference_start.grad)
    for name, parameter in policy.named_parameters():
        torch.testing.assert_close(parameter.grad, leaves[name].grad)


def test_outputs_without_gradients_are_the_same():
    policy = LiquidPolicy(SMALL, random_params(SMALL, seed=1))
    _, features = map(torch.tensor, random_window(SMALL, 2, 8, seed=2))
    with torch.no_grad():
        plain, plain_state = policy(features)
    outputs, last_state = policy(features)
    assert outputs.requires_grad and not plain.requires_grad
    torch.testing.assert_close(plain, outputs.detach())
    torch.testing.assert_close(plain_state, last_state.detach())


def test_optimiser_reduces_the_loss():
    policy = LiquidPolicy(SMALL, seed=3)
    _, features = map(torch.tensor, random_window(SMALL, 4, 30, seed=4, dtype=np.float32))
    goal = features[..., : SMALL.outputs].cumsum(dim=1) * 0.1
    optimiser = torch.optim.AdamW(policy.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (policy(features)[0] - goal).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_weights_travel_to_numpy_and_back():
    policy, other = LiquidPolicy(SMALL, seed=1), LiquidPolicy(SMALL, seed=2)
    other.load_numpy(policy.to_numpy())
    for name, value in policy.to_numpy().items():
        np.testing.assert_array_equal(value, other.to_numpy()[name])
    with pytest.raises(ValueError, match="missing tensors"):
        other.load_numpy({})


def test_weights_changed_between_forward_and_backward_are_noticed():
    policy = LiquidPolicy(SMALL)
    _, features = map(torch.tensor, random_window(SMALL, 1, 3, seed=2, dtype=np.float32))
    outputs, _ = policy(features)
    with torch.no_grad():
        policy.readout.weight.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()


def test_gradient_for_the_features_is_refused():
    with pytest.raises(ValueError, match="detach"):
        LiquidPolicy(SMALL)(torch.zeros(1, 2, SMALL.features, requires_grad=True))
