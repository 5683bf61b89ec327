"""Which of several predictors to trust, output by output, without ever falling far behind one.

Fixed share (Herbster and Warmuth, "Tracking the best expert", Machine Learning 32, 1998): weights
fall exponentially with each expert's loss, and a small share of all weight is dealt out anew all
the time, so that an expert that was bad for long is believed again soon after it has become good.
The loss that the mixture suffers exceeds that of the best sequence of experts by a term that grows
only with the logarithm of their number and with how often the best one changes. Experts are linear
in the same features, so their mixture is one readout.

Where labels are rare, the best expert may have changed since the label before: the share is dealt
out for that time before the label counts. And where the world has changed since then, all experts
are off by much more than is usual, so they are compared under what the best of them leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.compiled import kernel

Array = NDArray[np.float64]


class FixedShare:
    """Weights (K, O) of K experts for O outputs; each column sums to 1.

    Args:
        shares: (K,) what is dealt out to each expert; sums to 1. The weights start from it.
        outputs: O.
        share_per_sample: part of all weight dealt out anew for each independent sample [1].
    """

    def __init__(self, shares: Sequence[float], outputs: int, share_per_sample: float):
        self._shares = np.asarray(shares, np.float64)
        self._share_per_sample = share_per_sample
        self.weights = np.repeat(self._shares[:, None], outputs, axis=1)

    def learn(
        self,
        squared_errors: Array,
        variance: Array,
        samples: float,
        loss_max: float,
        unseen: float = 0.0,
    ) -> None:
        """Shift weight towards those that were right.

        squared_errors: (K, O) mean over new samples. variance: (O,) of what no expert can know:
        losses are log-likelihoods under it. samples: how many independent ones they were, each of
        which counts against an expert by at most loss_max. unseen: how many went by without a
        label before them.
        """
        kernel.share(
            squared_errors, variance, samples, unseen, loss_max,
            self._share_per_sample, self._shares, self.weights,
        )  # fmt: skip

    def select(self, outputs: Sequence[int]) -> FixedShare:
        """A copy for some of the outputs only."""
        copy = FixedShare(self._shares, len(outputs), self._share_per_sample)
        copy.weights[:] = self.weights[:, outputs]
        return copy
