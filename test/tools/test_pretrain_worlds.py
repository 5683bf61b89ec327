"""Features are trained for the readout that the robot would solve."""

import numpy as np
import pytest
import torch

from liquid_adapt_ros.adaptation.ridge_bank import RidgeBank
from liquid_adapt_ros.lnn import NetworkSpec
from liquid_adapt_ros.lnn.torch_network import LiquidNetwork
from liquid_adapt_ros.tools.pretrain.sequences import PolicySequence
from liquid_adapt_ros.tools.pretrain.settings import WorldSettings
from liquid_adapt_ros.tools.pretrain.world_training import WorldWindows, adapted_outputs

SPEC = NetworkSpec(features=5, outputs=6, hidden=8, head=7, step_s=0.01)
TICKS, CHUNKS = 120, 4
SETTINGS = WorldSettings(batch=2, window_s=TICKS * SPEC.step_s, chunks=CHUNKS, strength=2.0)


@pytest.fixture
def made():
    """A network, what its readout reads in two worlds and where it is nominal, and labels."""
    rng = np.random.default_rng(0)
    network = LiquidNetwork(SPEC, seed=1)
    sequence = torch.from_numpy(rng.normal(size=(2, TICKS, 5)).astype(np.float32))
    states, _ = network.core.unroll(None, sequence)
    phi = network.phi(states, sequence)
    wanted = rng.normal(size=(2, TICKS, 6)).astype(np.float32)
    wanted[0, 20:50, 3:] = np.nan
    nominal = torch.from_numpy(rng.normal(size=(500, 7)).astype(np.float32))
    return network, phi, torch.from_numpy(wanted), nominal


def with_one(phi) -> np.ndarray:
    phi = phi.detach().numpy().astype(np.float64)
    return np.concatenate([phi, np.ones((*phi.shape[:-1], 1))], axis=-1)


def test_what_is_said_to_a_chunk_is_what_the_engine_would_say_after_those_before(made):
    network, phi, wanted, nominal = made
    said = adapted_outputs(network, phi, wanted, nominal, SETTINGS).detach().numpy()
    params = network.to_numpy()
    anchor = np.column_stack([params["readout.weight"], params["readout.bias"]])
    moment = with_one(nominal).T @ with_one(nominal) / len(nominal)
    prior = 0.9 * moment + 0.1 * np.trace(moment) / len(moment) * np.eye(len(moment))
    chunk = TICKS // CHUNKS
    for world in range(2):
        features, labels = with_one(phi[world]), wanted[world].numpy().astype(np.float64)
        for outputs in (slice(0, 3), slice(3, 6)):
            # A memory that never ends: the one that the readout is trained for.
            bank = RidgeBank([1e12], [SETTINGS.strength], len(anchor[0]), 3)
            for end in range(chunk, TICKS, chunk):
                rows = np.arange(end - chunk, end)
                rows = rows[np.isfinite(labels[rows, outputs.start])]
                residual = labels[rows, outputs] - features[rows] @ anchor[outputs].T
                shares = np.full(len(rows), SPEC.step_s / 0.1)
                bank.learn(features[rows], residual, shares, shares)
                readout = anchor[outputs] + bank.corrections(prior)[0].T
                expected = features[end : end + chunk] @ readout.T
                got = said[world, end - chunk : end, outputs]
                # float32 outputs of a float64 solution; the bank adds a jitter of 1e-6.
                np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_a_label_says_nothing_of_its_own_chunk_or_of_those_before(made):
    network, phi, wanted, nominal = made
    said = adapted_outputs(network, phi, wanted, nominal, SETTINGS)
    changed = wanted.clone()
    changed[:, 60:90] += 1.0  # the third chunk of four
    said_then = adapted_outputs(network, phi, changed, nominal, SETTINGS)
    torch.testing.assert_close(said_then[:, :60], said[:, :60], rtol=0.0, atol=0.0)
    assert (said_then[:, 60:] - said[:, 60:]).abs().max() > 1e-3


def test_it_is_the_features_that_learn_and_not_the_readout(made):
    network, phi, wanted, nominal = made
    said = adapted_outputs(network, phi, wanted, nominal, SETTINGS)
    said.square().sum().backward()
    gradients = {name: value.grad for name, value in network.named_parameters()}
    assert gradients["readout.weight"] is None and gradients["readout.bias"] is None
    for name in ("core.input_weight", "head.hidden_weight", "head.bias"):
        assert gradients[name].abs().max() > 0.0


def world(ids) -> PolicySequence:
    outputs = np.zeros((len(ids), 12), np.float32)
    outputs[np.array(ids) == 0, 9:] = np.nan
    return PolicySequence(np.zeros((len(ids), 140), np.float32), outputs)


def test_nothing_is_asked_of_a_target_that_no_picture_can_show_yet():
    known = [0] * 5 + [1] * 30 + [0] * 3 + [2] * 30
    settings = WorldSettings(batch=1, window_s=0.01 * len(known), chunks=4)
    _, outputs = WorldWindows([world(known)], settings, 0.01).draw(np.random.default_rng(0))
    asked = np.isfinite(outputs[0, :, -1])
    np.testing.assert_array_equal(np.flatnonzero(asked), [*range(15, 35), *range(48, 68)])
    assert np.isfinite(outputs[..., :9]).all()


def test_a_window_longer_than_a_world_is_refused():
    with pytest.raises(ValueError, match="windows of 50 ticks, but a world of 40"):
        WorldWindows([world([1] * 40)], WorldSettings(window_s=0.5, chunks=5), 0.01)


def test_a_window_is_cut_into_chunks_of_one_length_or_refused():
    with pytest.raises(ValueError, match="windows of 50 ticks can't be cut into 16 chunks"):
        WorldWindows([world([1] * 90)], WorldSettings(window_s=0.5), 0.01)
