"""The readout as it differs between worlds: a few coordinates instead of a matrix.

Pretraining sees hundreds of disturbed worlds and solves for the readout of each. What these
corrections have in common is a small number of directions D_k; a correction is sum_k z_k D_k, with
z drawn from a standard normal distribution. So a label of any output says something of the same z,
and with it of all other outputs: what the arm's commands show of a faster belt corrects the
position too. z follows by recursive least squares, which is the posterior mean of a Bayesian last
layer with a prior that was learned (ALPaCA, Harrison et al., arXiv 1807.08912), with forgetting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.ridge_bank import RidgeBank
from liquid_adapt_ros.compiled import kernel

Array = NDArray[np.floating]

_RIDGE = kernel.Ridge()


@dataclass(frozen=True)
class WorldPrior:
    """How readouts differ between worlds, for one network's features.

    Attributes:
        directions: (K, O, P) corrections of the readout, in output units; a world's coordinates
            along them have a variance of 1.
        noise: (O,) standard deviation of what no correction explains, in output units; > 0.

    Raises ValueError for sizes that do not fit and noise that is not positive.
    """

    directions: Array
    noise: Array

    def __post_init__(self) -> None:
        shape, outputs = self.directions.shape, self.noise.shape
        if len(shape) != 3 or not shape[0] or shape[1:2] != outputs:
            raise ValueError(f"directions {shape} and noise {outputs}: must be (K, O, P) and (O,)")
        if not (self.noise > 0.0).all():
            raise ValueError(f"noise must be positive, got {self.noise}")


class WorldBank:
    """Estimates of a world's coordinates, M of them, with different memories.

    Args:
        prior: what is known of worlds.
        memories: (M,) in independent samples.
        strengths: (M,) how many times the noise counts; labels of one time repeat each other.
    """

    def __init__(self, prior: WorldPrior, memories: Sequence[float], strengths: Sequence[float]):
        self._prior = prior
        directions = np.asarray(prior.directions, np.float64)
        self._directions = directions.reshape(len(directions), -1)  # (K, O P)
        self._noise = np.asarray(prior.noise, np.float64)
        scaled = directions / self._noise[:, None]
        self._scaled = np.ascontiguousarray(scaled.transpose(1, 2, 0))  # (O, P, K)
        self.bank = RidgeBank(memories, strengths, len(directions), 1)
        self._spread = np.eye(len(directions))

    def learn(self, phi: Array, residual: Array, counts: Array, ages: Array) -> None:
        """Take N samples, oldest first, with labels of some of the outputs.

        phi: (N, P). residual: (N, O), NaN where not known. counts: (N, O) independent samples that
        each label counts as. ages: (N,) by how many all labels of the sample age the past.
        """
        self.bank.learn(*_RIDGE.project(self._scaled, self._noise, phi, residual, ages, counts))

    def corrections(
        self,
        phi: Array | None = None,
        residual: Array | None = None,
        counts: Array | None = None,
    ) -> Array:
        """What each estimate says is to be added to the readout, (M, O, P).

        phi, residual, counts: samples that count this time, without being learned.
        """
        also: tuple[Array, ...] = ()
        if phi is not None:
            ages = np.zeros(len(phi))
            rows, wanted, _, counts = _RIDGE.project(
                self._scaled, self._noise, phi, residual, ages, counts
            )
            also = rows, wanted, counts
        place = self.bank.corrections(self._spread, *also)[..., 0]
        return (place @ self._directions).reshape(len(place), *self._prior.directions.shape[1:])

    def fade(self, kept: float) -> None:
        """Let everything seen so far count only `kept` times as much."""
        self.bank.fade(kept)
