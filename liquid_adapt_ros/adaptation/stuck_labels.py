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

import operator

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
        # What the weights in use and the shipped ones said when the value came, and how long after
        # that it was off [s].
        self._said = np.zeros((2, self._outputs))
        self._off_s = np.zeros(self._outputs)
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
        if not self._may_repeat(target, known):
            self._take_fresh(stamps_ns, target, said, known[0].nonzero()[0])
            return stuck
        for row in known.any(axis=1).nonzero()[0]:
            one, outputs = slice(row, row + 1), known[row].nonzero()[0]
            if (target[row, outputs] == self._value[outputs]).all():
                stuck[row] = self._take_repeated(int(stamps_ns[row]), said[row], outputs)
            else:
                self._take_fresh(stamps_ns[one], target[one], said[one], outputs)
        return stuck

    def _may_repeat(self, target: NDArray[np.floating], known: NDArray[np.bool_]) -> bool:
        """Whether labels may repeat each other, or are not all of the same outputs."""
        if not len(target) or not known[0].any() or not (known == known[0]).all():
            return True
        one = int(known[0].argmax())
        values = [float(self._value[one]), *target[:, one].tolist()]
        return any(map(operator.eq, values[:-1], values[1:]))

    def _take_fresh(
        self,
        stamps_ns: NDArray[np.int64],
        target: NDArray[np.floating],
        said: NDArray[np.floating],
        outputs: NDArray[np.int64],
    ) -> None:
        """Take labels that each differ from the one before, all of these outputs."""
        off_s = self._off_s[outputs]
        if off_s.any():
            off_s[off_s > _HELD_S] = 0.0
            self._held_s[outputs] = np.maximum(self._held_s[outputs], off_s)
            self._off_s[outputs] = 0.0
        self._is_stuck[outputs] = self._is_true[outputs] = False
        self._value[outputs] = target[-1, outputs]
        self._since_ns[outputs] = stamps_ns[-1]
        self._said[:, outputs] = said[-1][:, outputs]
        labels = len(target)
        seen = self._seen[outputs] + labels
        self._seen[outputs] = seen
        error = np.abs(target[:, outputs] - said[:, 0, outputs]).sum(axis=0) / labels
        gain = np.minimum(labels / np.minimum(seen, _USUAL), 1.0)
        self._error[outputs] += gain * (error - self._error[outputs])
        self._pass_time(int(stamps_ns[-1]), is_refused=False)

    def _take_repeated(
        self, stamp_ns: int, said: NDArray[np.floating], outputs: NDArray[np.int64]
    ) -> bool:
        """Take a label that repeats the one before in all the outputs that it knows."""
        far = _FAR * self._error[outputs]
        then, moved = self._said[0, outputs], said[1, outputs] - self._said[1, outputs]
        off = (np.abs(moved) > far) & (np.abs(self._value[outputs] - then - moved) > far)
        lasts_s = (stamp_ns - self._since_ns[outputs]) / _NANOSECONDS
        if off.any():
            self._off_s[outputs] = lasts_s
        off &= (lasts_s > _LONGER * self._held_s[outputs]) & (self._seen[outputs] >= _FEW)
        is_stuck = bool(((off | self._is_stuck[outputs]) & ~self._is_true[outputs]).any())
        if is_stuck and self._refused_s >= _MOST_S:
            is_stuck, self._is_true[outputs] = False, True
        self._is_stuck[outputs] = is_stuck
        self._pass_time(stamp_ns, is_stuck)
        return is_stuck

    def _pass_time(self, stamp_ns: int, is_refused: bool) -> None:
        if self._newest_ns is not None:
            passed_s = max(0.0, (stamp_ns - self._newest_ns) / _NANOSECONDS)
            self._refused_s += passed_s if is_refused else -_AGAIN * passed_s
            self._refused_s = max(0.0, self._refused_s)
        self._newest_ns = max(stamp_ns, self._newest_ns or stamp_ns)
