"""Action labels: what a planner wanted at the time of a sample."""

from collections import deque

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS


class CommandHistory:
    """One planner's recent commands, looked up by time.

    Args:
        size: number of values in a command.
        tolerance_s: a command belongs to a sample when their stamps differ by at most this [s].
        history_s: how long commands are kept [s].
    """

    def __init__(self, size: int, tolerance_s: float, history_s: float):
        self._size = size
        self._tolerance_ns = round(tolerance_s * NANOSECONDS)
        self._history_ns = round(history_s * NANOSECONDS)
        self._stamps_ns: deque[int] = deque()
        self._commands: deque[NDArray[np.float64]] = deque()

    def observe(self, stamp_ns: int, command: ArrayLike) -> None:
        """Take the command (size,) of `stamp_ns`; NaN marks a value the planner left open.

        Raises:
            ValueError: wrong size, an infinite value, or a stamp not later than the newest one.
        """
        values = np.asarray(command, np.float64)
        if values.shape != (self._size,) or np.isinf(values).any():
            raise ValueError(f"a command needs {self._size} values without infinities")
        if self._stamps_ns and stamp_ns <= self._stamps_ns[-1]:
            raise ValueError(
                f"command at {stamp_ns} ns is not later than the one at {self._stamps_ns[-1]} ns"
            )
        self._stamps_ns.append(stamp_ns)
        self._commands.append(values)
        while stamp_ns - self._stamps_ns[0] > self._history_ns:
            self._stamps_ns.popleft()
            self._commands.popleft()

    def at(self, stamps_ns: ArrayLike) -> NDArray[np.float64]:
        """Commands (N, size) of samples at `stamps_ns` (N,); NaN where there is none."""
        wanted = np.asarray(stamps_ns, np.int64)
        found = np.full((len(wanted), self._size), np.nan)
        if not self._stamps_ns:
            return found
        stamps = np.array(self._stamps_ns, np.int64)
        after = np.searchsorted(stamps, wanted).clip(0, len(stamps) - 1)
        before = (after - 1).clip(0)
        is_before = np.abs(wanted - stamps[before]) <= np.abs(wanted - stamps[after])
        nearest = np.where(is_before, before, after)
        close = np.abs(wanted - stamps[nearest]) <= self._tolerance_ns
        found[close] = np.array(self._commands)[nearest[close]]
        return found

    def clear(self) -> None:
        """Forget every command."""
        self._stamps_ns.clear()
        self._commands.clear()
