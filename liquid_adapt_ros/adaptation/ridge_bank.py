"""Several readout corrections side by side, each remembering the past for another length of time.

Expert k corrects an anchor readout W by D_k: what it predicts is (W + D_k) phi. D_k minimises

    sum_i w_i exp(-(n - n_i) / N_k) |r_i - D phi_i|^2 + kappa_k tr(D S D^T)

over the labelled samples i, with the residual r = target - W phi, the sample's weight w_i in
independent samples, n the independent samples seen so far, N_k the expert's memory and S the
second moment of phi where the anchor is known to be good. It is recursive least squares with
exponential forgetting (Haykin, Adaptive Filter Theory, ch. 10) in information form, and the MAP
estimate of a Kalman filter whose prior is the anchor. The covariance (A_k + kappa_k S)^-1 can't
exceed (kappa_k S)^-1, however long nothing excites it, and D_k goes back to 0 as labels end.

The sums and their solution are compiled (`src/liquid_kernel/ridge.inl`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.compiled import kernel

Array = NDArray[np.float64]

# Keeps the system solvable where the prior knows nothing of a direction; relative to its trace.
_JITTER = 1e-6
_RIDGE = kernel.Ridge()


class RidgeBank:
    """K experts for O outputs that are labelled together, on P features.

    Args:
        memories: (K,) N_k, in independent samples.
        prior_strengths: (K,) kappa_k, in independent samples.
        features: P.
        outputs: O.
    """

    # What was learned, by the names of its arrays: (K, P, P) and (K, P, O).
    STATE = ("information", "cross")

    def __init__(
        self,
        memories: Sequence[float],
        prior_strengths: Sequence[float],
        features: int,
        outputs: int,
    ):
        self._memories = np.asarray(memories, np.float64)
        self._strengths = np.asarray(prior_strengths, np.float64)
        self._sums = np.zeros((len(self._memories), features, features + outputs))
        self.information, self.cross = self._sums[:, :, :features], self._sums[:, :, features:]

    def learn(self, phi: Array, residual: Array, ages: Array, counts: Array) -> None:
        """Take N labelled samples, oldest first.

        phi: (N, P). residual: (N, O). ages, counts: (N,) by how much each sample ages the past,
        and by how much it counts itself, in independent samples.
        """
        _RIDGE.learn(self._sums, self._memories, phi, residual, ages, counts)

    def corrections(
        self,
        prior: Array,
        phi: Array | None = None,
        residual: Array | None = None,
        counts: Array | None = None,
        strengths: Array | None = None,
    ) -> Array:
        """D_k as (K, P, O).

        prior: S (P, P), symmetric and not negative. phi, residual, counts: N samples that count
        this time, without being learned; as of `learn`. strengths: (K,) kappa_k this time, None:
        as given at first.
        """
        jitter = _JITTER * max(float(np.trace(prior)) / len(prior), _JITTER)
        if strengths is None:
            strengths = self._strengths
        return _RIDGE.solve(self._sums, strengths, prior, jitter, phi, residual, counts)

    def fade(self, kept: float | Array) -> None:
        """Let everything seen so far count only `kept` times as much, (K, 1, 1) or all alike."""
        self._sums *= kept

    def select(self, outputs: Sequence[int]) -> RidgeBank:
        """A copy for some of the outputs only."""
        bank = RidgeBank(self._memories, self._strengths, self.information.shape[1], len(outputs))
        bank.information[:] = self.information
        bank.cross[:] = self.cross[:, :, outputs]
        return bank
