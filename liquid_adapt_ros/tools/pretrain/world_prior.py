"""How the finished policy's readout differs between the disturbed worlds of its training.

For each world the readout is solved on the whole episode, held to the shipped one as on the robot.
The main directions of these corrections, in units of what they do to outputs in nominal work and
against the noise of each output, are the engine's prior of worlds (`adaptation.world_bank`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.readout_matrix import joined
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.ridge_bank import RidgeBank
from liquid_adapt_ros.adaptation.second_moment import with_isotropy
from liquid_adapt_ros.adaptation.world_bank import WorldPrior
from liquid_adapt_ros.lnn.torch_network import LiquidNetwork
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.tools.pretrain.sequences import PolicySequence
from liquid_adapt_ros.tools.pretrain.settings import WorldPriorSettings

Array = NDArray[np.float64]

# Of a normal distribution, by the median of what it deviates.
MAD_TO_SIGMA = 1.4826


def world_prior(
    model: PolicyModel,
    nominal: Sequence[PolicySequence],
    worlds: Sequence[PolicySequence],
    settings: WorldPriorSettings,
) -> WorldPrior:
    """Sequences are normalised; those of worlds without labels of targets that are new."""
    settle = round(settings.settle_s / model.spec.step_s)
    readout = joined(model.params)
    network = LiquidNetwork(model.spec.network, model.params)
    seen = np.concatenate([_phi(network, item)[settle:] for item in nominal])
    moment = with_isotropy(seen.T @ seen / len(seen), EngineSettings().prior_isotropy)
    share = float(ReadoutSettings().independent(np.array(model.spec.step_s)))
    corrections, rest = [], []
    for world in worlds:
        phi, target = _phi(network, world)[settle:], world.outputs[settle:].astype(np.float64)
        residual = target - phi @ readout.T
        correction = np.zeros_like(readout)
        for outputs, rows in _labelled_together(residual):
            bank = RidgeBank([np.inf], [settings.strength], phi.shape[1], len(outputs))
            shares = np.full(int(rows.sum()), share)
            bank.learn(phi[rows], residual[rows][:, outputs], shares, shares)
            correction[outputs] = bank.corrections(moment)[0].T
        corrections.append(correction)
        rest.append(residual - phi @ correction.T)
    noise = MAD_TO_SIGMA * np.nanmedian(np.abs(np.concatenate(rest)), axis=0)
    return WorldPrior(_main_directions(np.array(corrections), noise, moment, settings), noise)


def _main_directions(
    corrections: Array, noise: Array, moment: Array, settings: WorldPriorSettings
) -> Array:
    """Principal components of corrections (N, O, P), each as long as its standard deviation."""
    root = np.linalg.cholesky(moment)
    white = np.einsum("nop,pq->noq", corrections / noise[:, None], root)
    _, lengths, axes = np.linalg.svd(white.reshape(len(white), -1), full_matrices=False)
    kept = min(settings.directions, len(axes))
    scaled = axes[:kept] * (lengths[:kept, None] / np.sqrt(len(white)))
    directions = scaled.reshape(kept, *white.shape[1:]) @ np.linalg.inv(root)
    return directions * noise[:, None]


@torch.no_grad()
def _phi(network: LiquidNetwork, sequence: PolicySequence) -> Array:
    """What the readout reads of a sequence, 1 at the end: (T, P)."""
    features = torch.from_numpy(sequence.features[None].astype(np.float32))
    states, _ = network.core.unroll(None, features)
    phi = network.phi(states, features)[0].double().numpy()
    return np.concatenate([phi, np.ones((len(phi), 1))], axis=1)


def _labelled_together(residual: Array) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """Outputs that are known in the same samples, and these samples, where there are any."""
    known = ~np.isnan(residual)
    patterns: dict[bytes, list[int]] = {}
    for output in range(residual.shape[1]):
        patterns.setdefault(known[:, output].tobytes(), []).append(output)
    return [
        (np.array(outputs), known[:, outputs[0]])
        for outputs in patterns.values()
        if known[:, outputs[0]].any()
    ]
