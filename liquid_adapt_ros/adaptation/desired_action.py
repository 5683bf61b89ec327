"""Action labels: what a planner wanted at the time of a sample."""

from bisect import bisect_left

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
        self._stamps_ns: list[int] = []
        self._commands: list[NDArray[np.float64]] = []

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
        kept = bisect_left(self._stamps_ns, stamp_ns - self._history_ns)
        del self._stamps_ns[:kept], self._commands[:kept]

    @property
    def settled_ns(self) -> int | None:
        """Up to when it is decided which command belongs to a sample; None before the first."""
        return self._stamps_ns[-1] - self._tolerance_ns if self._stamps_ns else None

    def at(self, stamps_ns: ArrayLike) -> NDArray[np.float64]:
        """Commands (N, size) of samples at `stamps_ns` (N,), rising; NaN where there is none."""
        wanted = np.asarray(stamps_ns, np.int64)
        first = bisect_left(self._stamps_ns, wanted[0] - self._tolerance_ns) if len(wanted) else 0
        near_ns, commands = self._since(first)
        if not len(near_ns):
            return np.full((len(wanted), self._size), np.nan)
        after = near_ns.searchsorted(wanted)
        # Of the command before and the one after, the nearer, and the earlier of two as near.
        before, after = np.maximum(after - 1, 0), np.minimum(after, len(near_ns) - 1)
        before_ns, after_ns = wanted - near_ns[before], near_ns[after] - wanted
        nearest = np.where(np.abs(after_ns) < np.abs(before_ns), after, before)
        belongs = np.abs(near_ns[nearest] - wanted) <= self._tolerance_ns
        return np.where(belongs[:, None], commands[nearest], np.nan)

    def newest(self, since_ns: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Stamps (N,) and values (N, size) of the commands from `since_ns` on."""
        return self._since(bisect_left(self._stamps_ns, since_ns))

    def clear(self) -> None:
        """Forget every command."""
        self._stamps_ns.clear()
        self._commands.clear()

    def _since(self, first: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        values = np.array(self._commands[first:]).reshape(-1, self._size)
        return np.array(self._stamps_ns[first:], np.int64), values
