"""Since when labels of each output have not come, and when that is a silence.

Labels seldom come all the time: an object is picked and the next one is not there yet, or a
tracker speaks once in a second. They have stopped when none has come for a while that is longer
than what an output is used to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings

Array = NDArray[np.float64]

# Labels have stopped when none has come for so many times as long as it usually takes: the median
# of the newest three times.
_USUAL_GAPS, _GAPS = 2.0, 3


class LabelSilence:
    """See the module's docstring.

    Args:
        outputs: O.
        settings: correlation_s, held_from and held_within of them.

    Attributes:
        silent_s: (O,) since a label came last [s].
        gaps_s: (3, O) the same when each of the newest ones came, oldest first [s].
    """

    # What was learned, by the names of its arrays.
    STATE = ("silent_s", "gaps_s")

    def __init__(self, outputs: int, settings: ReadoutSettings):
        self._from_s = settings.correlation_s * settings.held_from
        self._within_s = settings.correlation_s * settings.held_within
        self.silent_s = np.zeros(outputs)
        self.gaps_s = np.zeros((_GAPS, outputs))
        self._awaited = np.zeros(outputs, np.bool_)

    def pass_time(
        self, elapsed_s: float, labelled: NDArray[np.bool_], awaited: NDArray[np.bool_]
    ) -> None:
        """Let time pass in which labels could have come [s]; (O,) which outputs have had some in
        it, and of which some are expected now: there is no silence while they are."""
        silent_s = self.silent_s + elapsed_s
        self.gaps_s[:, labelled] = [*self.gaps_s[1:, labelled], silent_s[labelled]]
        self.silent_s = np.where(labelled, 0.0, silent_s)
        self._awaited = awaited

    @property
    def left(self) -> Array:
        """How much is left of what holds while labels come, (O,) in [0, 1]; 1: no silence."""
        usual_s = _USUAL_GAPS * np.sort(self.gaps_s, axis=0)[_GAPS // 2]  # np.median takes longer
        passing_s = np.where(self._awaited, 0.0, self.silent_s)
        passing_s = np.maximum(passing_s - np.maximum(self._from_s, usual_s), 0.0)
        return np.exp(-passing_s / self._within_s)

    def clip(self) -> None:
        """No time is negative, whatever a checkpoint says."""
        for times_s in (self.silent_s, self.gaps_s):
            np.maximum(times_s, 0.0, out=times_s)
