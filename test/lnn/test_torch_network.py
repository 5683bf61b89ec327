import copy

import numpy as np
import pytest
import torch
from problems import COMPILED, irregular_steps, random_params, random_window, small_spec

from liquid_adapt_ros.lnn import LiquidCore, LiquidNetwork, NetworkSpec

SPEC = small_spec("liquid_ode", "rk4")


@pytest.mark.parametrize("cell, solver", COMPILED)
def test_state_dict_has_the_tensor_names_and_shapes(cell, solver):
    spec = small_spec(cell, solver)
    found = {name: tuple(v.shape) for name, v in LiquidNetwork(spec).state_dict().items()}
    assert found == spec.shapes()


@pytest.mark.parametrize("cell, solver", COMPILED)
def test_unroll_is_step_after_step(cell, solver):
    spec = small_spec(cell, solver)
    core = LiquidCore(spec, random_params(spec, seed=5))
    state, features = map(torch.from_numpy, random_window(spec, 3, 6, seed=6))
    dts = torch.from_numpy(irregular_steps(spec, 3, 6, seed=7))
    states, last_state = core.unroll(state, features, dts)
    for t in range(6):
        state = core.step(state, features[:, t], dts[:, t])
        torch.testing.assert_close(states[:, t], state)
    torch.testing.assert_close(last_state, state)


def test_window_carries_on_where_the_last_one_ended():
    network = LiquidNetwork(SPEC)
    _, features = map(torch.from_numpy, random_window(SPEC, 2, 8, seed=2, dtype=np.float32))
    whole, last_state = network(features)
    first, state = network(features[:, :3])
    second, end = network(features[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(end, last_state)


def test_outputs_without_gradients_are_the_same():
    network = LiquidNetwork(SPEC, random_params(SPEC, seed=1))
    _, features = map(torch.from_numpy, random_window(SPEC, 2, 8, seed=2))
    with torch.no_grad():
        plain, plain_state = network(features)
    outputs, last_state = network(features)
    assert outputs.requires_grad and not plain.requires_grad
    torch.testing.assert_close(plain, outputs.detach())
    torch.testing.assert_close(plain_state, last_state.detach())


@pytest.mark.parametrize("cell, solver", COMPILED)
def test_optimiser_reduces_the_loss(cell, solver):
    spec = small_spec(cell, solver, hidden=16)
    network = LiquidNetwork(spec, seed=3)
    _, features = map(torch.from_numpy, random_window(spec, 4, 30, seed=4, dtype=np.float32))
    goal = features[..., : spec.outputs].cumsum(dim=1) * 0.1
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(100):
        optimiser.zero_grad()
        loss = (network(features)[0] - goal).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_gradient_can_be_taken_twice_from_one_window():
    network = LiquidNetwork(SPEC, random_params(SPEC, seed=1))
    _, features = map(torch.from_numpy, random_window(SPEC, 2, 8, seed=2))
    loss = network(features)[0].square().sum()
    loss.backward(retain_graph=True)
    once = [value.grad.clone() for value in network.parameters()]
    # Another window in between must not disturb what the first one left.
    network(features * 2.0)[0].sum()
    network.zero_grad()
    loss.backward()
    for value, expected in zip(network.parameters(), once, strict=True):
        torch.testing.assert_close(value.grad, expected, rtol=0.0, atol=0.0)


def test_second_derivatives_come_from_the_plain_equations():
    network = LiquidNetwork(SPEC, random_params(SPEC, seed=1))
    network.core.compiled = False
    _, features = map(torch.from_numpy, random_window(SPEC, 1, 3, seed=2))
    loss = network(features)[0].square().sum()
    (first,) = torch.autograd.grad(loss, network.core.bias, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), network.core.bias)
    assert second.abs().max() > 0.0


def test_weights_travel_to_numpy_and_back():
    network, other = LiquidNetwork(SPEC, seed=1), LiquidNetwork(SPEC, seed=2)
    other.load_numpy(network.to_numpy())
    for name, value in network.to_numpy().items():
        np.testing.assert_array_equal(value, other.to_numpy()[name])
    with pytest.raises(ValueError, match="missing tensors"):
        other.load_numpy({})


def test_weights_changed_between_forward_and_backward_are_noticed():
    network = LiquidNetwork(SPEC)
    outputs, _ = network(torch.zeros(1, 3, SPEC.features))
    with torch.no_grad():
        network.core.recurrent_weight.mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.sum().backward()


@pytest.mark.parametrize(
    "sequence, state, dts, message",
    [
        ((2, 0, 6), None, None, "sequence has no sample"),
        ((2, 6), None, None, r"sequence must be \(batch, time, 6\), got \(2, 6\)"),
        ((2, 4, 5), None, None, r"sequence must be .* got \(2, 4, 5\)"),
        ((2, 4, 6), (2, 4), None, r"hidden state must be \(2, 5\), got \(2, 4\)"),
        ((2, 4, 6), None, np.full(3, 0.01), r"dts_s must be one number, \(4,\) or \(2, 4\)"),
        ((2, 4, 6), None, 0.0, "positive and finite, got values from 0.0 to 0.0"),
        ((2, 4, 6), None, np.array([0.01, 0.01, np.nan, 0.01]), "positive and finite"),
        ((2, 4, 6), None, np.array([0.01, 0.05, 0.01, 0.01]), "unstable: dt = 0.05"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_shape_or_value(sequence, state, dts, message):
    network = LiquidNetwork(SPEC)
    with pytest.raises(ValueError, match=message):
        network(torch.zeros(sequence), None if state is None else torch.zeros(state), dts)


def test_package_gives_torch_modules_only_when_asked():
    import liquid_adapt_ros.lnn as lnn

    assert lnn.LiquidNetwork is LiquidNetwork
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        _ = lnn.Missing


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("cell, solver", COMPILED)
def test_graphs_on_a_gpu_give_the_values_and_gradients_of_the_cpu(cell, solver):
    spec = small_spec(cell, solver, hidden=32)
    _, features = map(torch.from_numpy, random_window(spec, 4, 20, seed=2, dtype=np.float32))
    for _ in range(3):  # the first call captures, the others replay
        results = []
        for device in ("cpu", "cuda"):
            network = LiquidNetwork(spec, random_params(spec, 1, np.float32)).to(device)
            outputs, _ = network(features.to(device))
            outputs.square().mean().backward()
            results.append([outputs, *(value.grad for value in network.parameters())])
        for on_cpu, on_gpu in zip(*results, strict=True):
            # The two devices add up in different orders.
            torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-3, atol=1e-4)


def test_network_of_any_size_learns_a_delay_line():
    """Next-step memory: the output is the input of three samples ago."""
    spec = NetworkSpec(1, 1, hidden=32, step_s=1.0, solver="exponential")
    torch.manual_seed(0)
    network = LiquidNetwork(spec, seed=0)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(150):
        sequence = torch.rand(16, 30, 1) - 0.5
        loss = (network(sequence)[0][:, 3:] - sequence[:, :-3]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.5 * (1.0 / 12.0)  # half the variance of the input


def test_state_keeps_its_precision_where_products_are_of_low_precision():
    network = LiquidNetwork(SPEC, random_params(SPEC, 1, np.float32))
    _, features = map(torch.from_numpy, random_window(SPEC, 2, 8, seed=2, dtype=np.float32))
    exact, _ = network(features)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough, state = network(features)
    assert state.dtype == torch.float32
    # bfloat16 has 8 bits: 0.4 % of each of some ten products.
    torch.testing.assert_close(rough.float(), exact, rtol=0.05, atol=0.05)
    half = LiquidNetwork(SPEC, random_params(SPEC, 1, np.float32)).to(torch.bfloat16)
    outputs, _ = half(features.to(torch.bfloat16))
    assert outputs.dtype == torch.bfloat16 and outputs.isfinite().all()


def test_copied_network_learns_on_its_own():
    network = LiquidNetwork(SPEC, seed=1)
    other = copy.deepcopy(network)
    other(torch.ones(1, 4, SPEC.features))[0].sum().backward()
    assert other.core.bias.grad is not None and network.core.bias.grad is None
