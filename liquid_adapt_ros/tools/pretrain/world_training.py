"""Features that a few labels suffice to adapt: the readout is solved anew for each world.

The robot corrects its readout by ridge regression that is held to the shipped one
(`adaptation.ridge_bank`). Core and head are therefore trained on what that comes to: on a window
of a world unlike the nominal ones, the readout is solved from the seconds that have passed, and
what it says to the next part of the window is the loss, whose gradient reaches the features
through the solution. Shared features with a readout for each condition are Neural-Fly's
meta-learning (O'Connell et al., arXiv 2205.06908); the gradient through the closed form is that of
Bertinetto et al., arXiv 1805.08136. The shipped readout itself learns from nominal data alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.hindsight import TrackLimits
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.lnn.torch_network import LiquidNetwork
from liquid_adapt_ros.tools.pretrain.sequences import PolicySequence
from liquid_adapt_ros.tools.pretrain.settings import WorldSettings

# As the engine has it: which labels are independent, what the prior is, and from when on a new
# target can be in the picture; nothing is asked of it before.
_CORRELATION_S = ReadoutSettings().correlation_s
_ISOTROPY = EngineSettings().prior_isotropy
_NEW_S = TrackLimits().seen_before_s


class WorldWindows:
    """Draws batches of windows, each from another disturbed episode.

    Arguments:
        worlds: episodes, features and outputs normalised.
        settings: length and number of the windows.
        step_s: time of a tick [s].
    """

    def __init__(
        self, worlds: Sequence[PolicySequence], settings: WorldSettings, step_s: float
    ) -> None:
        self._batch = settings.batch
        self._length = round(settings.window_s / step_s)
        if self._length % settings.chunks:
            raise ValueError(
                f"windows of {self._length} ticks can't be cut into {settings.chunks} chunks"
            )
        shortest = min(len(item.features) for item in worlds)
        if self._length > shortest:
            raise ValueError(f"windows of {self._length} ticks, but a world of {shortest}")
        self._worlds = [without_new_targets(item, step_s) for item in worlds]

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Features (B, T, F) and outputs (B, T, O; NaN: unknown)."""
        chosen = rng.choice(len(self._worlds), min(self._batch, len(self._worlds)), replace=False)
        windows = []
        for index in chosen:
            world = self._worlds[index]
            start = int(rng.integers(len(world.features) - self._length + 1))
            part = slice(start, start + self._length)
            windows.append((world.features[part], world.outputs[part]))
        features, outputs = (np.stack(column) for column in zip(*windows, strict=True))
        return features, outputs


def adapted_outputs(
    policy: LiquidNetwork,
    phi: Tensor,
    wanted: Tensor,
    nominal_phi: Tensor,
    settings: WorldSettings,
) -> Tensor:
    """What is said to all but the first of the chunks by readouts solved on those before.

    Arguments: phi (B, T, P) of each world; wanted (B, T, O), NaN where not known, positions all
    known or all not; nominal_phi (N, P), whose second moment is the prior; the number of chunks
    that T is divided into and the prior's strength. Returns (B, T - T / chunks, O).
    """
    worlds, ticks, _ = phi.shape
    chunks = settings.chunks
    phi = torch.cat([phi, phi.new_ones(worlds, ticks, 1)], dim=2).double()
    nominal_phi = torch.cat([nominal_phi, nominal_phi.new_ones(len(nominal_phi), 1)], dim=1)
    nominal_phi = nominal_phi.double()
    features = phi.shape[2]
    moment = nominal_phi.T @ nominal_phi / len(nominal_phi)
    level = moment.diagonal().mean()
    prior = (1.0 - _ISOTROPY) * moment + _ISOTROPY * level * torch.eye(features).to(moment)
    readout = torch.cat([policy.readout.weight, policy.readout.bias[:, None]], dim=1)
    anchor = readout.detach().double()
    in_chunks = phi.reshape(worlds, chunks, ticks // chunks, features)
    residual = (wanted.double() - phi @ anchor.T).reshape(*in_chunks.shape[:3], -1)
    said = []
    share = policy.spec.step_s / _CORRELATION_S
    for outputs in _labelled_together(wanted):
        known = ~residual[..., outputs.start : outputs.start + 1].isnan()
        weighted = in_chunks * known * share
        information = (weighted.transpose(2, 3) @ in_chunks).cumsum(dim=1)[:, :-1]
        rest = residual[..., outputs].nan_to_num()
        cross = (weighted.transpose(2, 3) @ rest).cumsum(dim=1)[:, :-1]
        correction = torch.linalg.solve(information + settings.strength * prior, cross)
        query = in_chunks[:, 1:]
        said.append(query @ (anchor[outputs].T + correction))
    return torch.cat(said, dim=3).flatten(1, 2).float()


def _labelled_together(wanted: Tensor) -> list[slice]:
    """Actions, which are always known, and the position, which is not."""
    position = wanted.shape[2] - 3
    return [slice(0, position), slice(position, wanted.shape[2])]


def without_new_targets(world: PolicySequence, step_s: float) -> PolicySequence:
    """The same episode without labels of targets that are new."""
    ticks = round(_NEW_S / step_s)
    known = np.isfinite(world.outputs[:, -1])
    seen = known.copy()
    for shift in range(1, ticks + 1):
        seen[shift:] &= known[:-shift]
        seen[:shift] = False
    outputs = world.outputs.copy()
    outputs[~seen, -3:] = np.nan
    return PolicySequence(world.features, outputs)
