"""How much of what was learned is used, by what it has come to so far.

The mixture trusts what is right now. Where that passes before the next samples come (a manoeuvre,
errors that are alike for a second and then others), the correction is wrong as often as it is
right, however its estimates are weighed. Its record shows it:

    g = (sum_i w_i m_i e_i + s^2) / (sum_i w_i m_i^2 + s^2)

with m_i the correction that the mixture stood for when sample i was observed, e_i what the anchor
leaves of its label, w_i how many independent samples it is, forgotten exponentially, and s^2 the
noise's variance: one sample speaks for the correction. That is least squares of what was asked for
on what was said in time. With g = 1/2 the correction leaves as much as none does, so the part

    min(2 g, 1)

is used: all of it while it does no harm. g itself would have left least, but in a world that has
just changed the record says little, and keeps back no more than it must. It does not say so for
long: samples speak as the square of their correction, and those of a change are large.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class CorrectionRecord:
    """See the module's docstring; every output has a record of its own.

    Args:
        outputs: O.
        memory: of the record [independent samples].
    """

    # What was learned, by the names of its arrays, (O,) each.
    STATE = ("cross", "square")

    def __init__(self, outputs: int, memory: float):
        self._memory = memory
        self.cross, self.square = np.zeros((2, outputs))

    def forget(self) -> None:
        """Know nothing of the past any more."""
        self.cross, self.square = np.zeros((2, len(self.cross)))

    def learn(self, correction: Array, asked: Array, counts: Array) -> None:
        """Take N labels: how the anchor would have been corrected when their samples were
        observed, and what they asked for, (N, O), NaN where not known.

        counts: (N, O) how many independent samples each label is; 0 where not known.
        """
        known = (counts > 0.0) & ~np.isnan(correction)
        counts = np.where(known, counts, 0.0)
        correction = np.where(known, correction, 0.0)
        asked = np.where(known, asked, 0.0)
        kept = np.exp(-counts.sum(axis=0) / self._memory)
        said = counts * correction
        self.cross = kept * self.cross + np.sum(said * asked, axis=0)
        self.square = kept * self.square + np.sum(said * correction, axis=0)

    def used(self, variance: Array) -> Array:
        """The part of the correction that is used, (O,) in [0, 1]; variance: (O,) the noise's."""
        part = 2.0 * (self.cross + variance) / (self.square + variance)
        return np.minimum(np.maximum(part, 0.0), 1.0)
