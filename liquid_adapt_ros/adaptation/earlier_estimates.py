"""All estimates of the readout as they were some time before a label.

What was learned shows how long it lasts on labels that came later (`held_mixture.py`). Estimates
are dated by the newest label that they have seen: labels may all come late.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Estimates are noted so many times in the time that they are asked for, and kept for twice that
# time: some outputs' labels come later than others'.
_NOTES_PER_LAG, _NOTES = 10, 20


class EarlierEstimates:
    """All estimates of the readout, as they were.

    Args:
        lag_s: how much earlier they are asked for [s].
    """

    def __init__(self, lag_s: float):
        self._lag_s = lag_s
        self._notes: deque[tuple[float, Array]] = deque(maxlen=_NOTES)

    def note(self, newest_label_s: float, readouts: Array) -> None:
        """Keep the estimates (K, O, P) that have seen labels up to this time [s], and what was
        expected then of the samples since."""
        if not self._notes or newest_label_s > self._notes[-1][0] + self._lag_s / _NOTES_PER_LAG:
            self._notes.append((newest_label_s, readouts.copy()))

    def before(self, label_s: float) -> Array | None:
        """The newest ones (K, O, P) that have seen labels up to `lag_s` before this time [s] only;
        None: not kept."""
        for newest_label_s, readouts in reversed(self._notes):
            if newest_label_s <= label_s - self._lag_s:
                return readouts
        return None

    def clear(self) -> None:
        """Forget all, as times or features mean something else from now on."""
        self._notes.clear()
