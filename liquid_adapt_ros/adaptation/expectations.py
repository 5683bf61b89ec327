"""Labels that have not come yet, as they are likely to be."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS, SampleRing


class Expectations:
    """What is expected of the newest samples, until their labels come or it is too late for them.

    Attributes:
        are_new: whether something has been expected since it was last asked for.

    Args:
        outputs: O.
        lasts_s: how long after its sample a label may be expected [s].
    """

    def __init__(self, outputs: int, lasts_s: float):
        self._outputs = outputs
        self._lasts_ns = round(lasts_s * NANOSECONDS)
        self.clear()

    def clear(self) -> None:
        """Expect nothing."""
        self._stamps_ns = np.empty(0, np.int64)
        self._targets = np.empty((0, self._outputs))
        self.are_new = False

    def replace(self, stamps_ns: ArrayLike, targets: ArrayLike) -> None:
        """Expect labels (N, O), NaN where unknown, of the samples of these stamps (N,) alone.

        Raises:
            ValueError: wrong shape or infinite.
        """
        stamps_ns, targets = np.asarray(stamps_ns, np.int64), np.asarray(targets, np.float64)
        if targets.shape != (*stamps_ns.shape, self._outputs) or np.isinf(targets).any():
            raise ValueError(
                f"expected labels need {stamps_ns.size} x {self._outputs} values without "
                f"infinities, got {targets.shape}"
            )
        self._stamps_ns, self._targets = stamps_ns, targets
        self.are_new = self.are_new or bool(len(stamps_ns))

    def of(self, ring: SampleRing) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows (N,) of the usable samples that something is expected of now, and what is, (N, O);
        NaN where it is not known or the label has come."""
        self.are_new = False
        rows, places = ring.find_all(self._stamps_ns)
        counts = ring.usable[rows]
        counts &= ring.stamp_ns[-1:] - self._stamps_ns[places] <= self._lasts_ns
        rows, places = rows[counts], places[counts]
        return rows, np.where(np.isnan(ring.target[rows]), self._targets[places], np.nan)
