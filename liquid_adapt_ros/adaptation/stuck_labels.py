"""Labels that are stuck: a detector repeats its last answer while what it measures moves.

What is measured anew has noise of its own and hardly ever comes to the very same numbers twice. A
label that repeats the one before to the last bit, in all the outputs that it knows, is of a robot
at rest or is not measured any more. The shipped network tells which, for it knows the inputs of
both samples. The label is stuck when what the network says has moved since the value came, and
with the correction of that time is off the label, both by more than labels usually are.

Labels that are held between slower measurements do that all the time and are what they are: a
value is stuck when it lasts for longer than such values do. And one that stays for very long is
true, whatever the network says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# What is off by so many times as much as labels usually are is far off.
_FAR = 3.0
# How many labels say what is usual; as long as few have been seen nothing is stuck.
_USUAL, _FEW = 100.0, 30.0
# Values that were far off before they changed usually last as long as the longest one so far that
# lasted no longer than this [s]; a value is stuck when it lasts for so many times as long.
_HELD_S, _LONGER = 0.5, 2.0
# So much time of labels may be refused in a row [s], and later on this part of all time; then a
# value is true until it changes.
_MOST_S, _AGAIN = 10.0, 0.1
_NANOSECONDS = 1_000_000_000


class StuckLabels:
    """See the module's docstring.

    Args:
        outputs: O.
    """

    def __init__(self, outputs: int):
        self._outputs = outputs
        self._seen, self._error, self._held_s = np.zeros((3, outputs))
        self._refused_s = 0.0
        self.start_over()

    def start_over(self) -> None:
        """The next label does not follow the one before; what is usual is still known."""
        self._value = np.full(self._outputs, np.nan)
        self._since_ns = np.zeros(self._outputs, np.int64)
        # What was said of the sample when the value came; and how long it has been off [s].
        self._shipped, self._correction, self._off_s = np.zeros((3, self._outputs))
        self._is_stuck, self._is_true = np.zeros((2, self._outputs), np.bool_)
        self._newest_ns: int | None = None

    def find(
        self,
        stamps_ns: NDArray[np.int64],
        target: NDArray[np.floating],
        said: NDArray[np.floating],
    ) -> NDArray[np.bool_]:
        """Take labels (N, O), NaN where not known, of samples (N,), and what the weights in use
        and the shipped ones said of these, (N, 2, O). Returns which labels are stuck, (N,)."""
        stuck = np.zeros(len(target), np.bool_)
        known = ~np.isnan(target)
        before = np.concatenate([self._value[None], target[:-1]])
        if (known == known[:1]).all() and not ((before == target) | ~known).all(axis=1).any():
            if known[:1].any():
                self._take_fresh(stamps_ns, target, said, known[0])
            return stuck
        for row in np.flatnonzero(known.any(axis=1)):
            one, labelled = slice(row, row + 1), known[row]
            if (target[row, labelled] == self._value[labelled]).all():
                stuck[row] = self._take_repeated(int(stamps_ns[row]), said[row], labelled)
            else:
                self._take_fresh(stamps_ns[one], target[one], said[one], labelled)
        return stuck

    def _take_fresh(
        self,
        stamps_ns: NDArray[np.int64],
        target: NDArray[np.floating],
        said: NDArray[np.floating],
        known: NDArray[np.bool_],
    ) -> None:
        """Take labels that each differ from the one before, all of the same outputs (O,)."""
        held = known & (self._off_s <= _HELD_S)
        self._held_s[held] = np.maximum(self._held_s, self._off_s)[held]
        self._off_s[known] = 0.0
        self._is_stuck[known] = self._is_true[known] = False
        self._value[known] = target[-1, known]
        self._since_ns[known] = stamps_ns[-1]
        adapted, shipped = said[-1]
        self._shipped[known] = shipped[known]
        self._correction[known] = (adapted - shipped)[known]
        self._seen[known] += len(target)
        error = np.abs(target - said[:, 0])[:, known].mean(axis=0)
        gain = np.minimum(len(target) / np.minimum(self._seen[known], _USUAL), 1.0)
        self._error[known] += gain * (error - self._error[known])
        self._pass_time(int(stamps_ns[-1]), is_refused=False)

    def _take_repeated(
        self, stamp_ns: int, said: NDArray[np.floating], known: NDArray[np.bool_]
    ) -> bool:
        """Take a label that repeats the one before in all outputs (O,) that it knows."""
        shipped, far = said[1], _FAR * self._error
        off = np.abs(shipped - self._shipped) > far
        off &= np.abs(self._value - shipped - self._correction) > far
        lasts_s = (stamp_ns - self._since_ns) / _NANOSECONDS
        if (off & known).any():
            self._off_s[known] = lasts_s[known]
        off &= (lasts_s > _LONGER * self._held_s) & (self._seen >= _FEW)
        is_stuck = bool((known & (off | self._is_stuck) & ~self._is_true).any())
        if is_stuck and self._refused_s >= _MOST_S:
            is_stuck, self._is_true[known] = False, True
        self._is_stuck[known] = is_stuck
        self._pass_time(stamp_ns, is_stuck)
        return is_stuck

    def _pass_time(self, stamp_ns: int, is_refused: bool) -> None:
        if self._newest_ns is not None:
            passed_s = max(0.0, (stamp_ns - self._newest_ns) / _NANOSECONDS)
            self._refused_s += passed_s if is_refused else -_AGAIN * passed_s
            self._refused_s = max(0.0, self._refused_s)
        self._newest_ns = max(stamp_ns, self._newest_ns or stamp_ns)
