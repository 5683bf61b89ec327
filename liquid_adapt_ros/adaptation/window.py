"""The last seconds of the feature stream, as the trainer unrolls them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Window:
    """An unbroken piece of the stream, oldest sample first; the arrays are copies.

    Attributes:
        stamps_ns: (T,) sensor stamps [ns], strictly rising.
        dt_s: (T,) time from the sample before to each sample [s].
        features: (T, F) normalised features [1].
        usable: (T,) whether a learner may use the sample.
        initial_hidden_state: (H,) the network's state just before the first sample.
    """

    stamps_ns: NDArray[np.int64]
    dt_s: NDArray[np.float64]
    features: NDArray[np.float32]
    usable: NDArray[np.bool_]
    initial_hidden_state: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.stamps_ns)


class SlidingWindow:
    """Ring of the newest `capacity` consecutive samples with the hidden state before each.

    The rows live in arrays twice as long as the ring: a sample is one row copy, the window is
    always one contiguous slice, and the rows move to the front once per `capacity` samples.

    Args:
        capacity: number of samples kept (2 s at 100 Hz: 200).
        features: number of features F.
        hidden: size of the hidden state H.
        max_gap_s: largest time between two consecutive samples [s]; beyond it the stream is
            broken and the hidden states on the two sides have nothing to do with each other.
    """

    def __init__(self, capacity: int, features: int, hidden: int, max_gap_s: float):
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.capacity = capacity
        self.max_gap_ns = round(max_gap_s * NANOSECONDS)
        rows = 2 * capacity
        self._stamps_ns = np.zeros(rows, np.int64)
        self._dt_s = np.zeros(rows)
        self._features = np.zeros((rows, features), np.float32)
        self._usable = np.zeros(rows, np.bool_)
        self._hidden_states = np.zeros((rows, hidden), np.float32)
        self._start = self._end = 0

    def __len__(self) -> int:
        return self._end - self._start

    def follows(self, stamp_ns: int) -> bool:
        """Whether a sample of this stamp continues the stream (an empty window takes any)."""
        if len(self) == 0:
            return True
        return 0 < stamp_ns - self._stamps_ns[self._end - 1] <= self.max_gap_ns

    def append(
        self,
        stamp_ns: int,
        dt_s: float,
        features: NDArray[np.float32],
        usable: bool,
        hidden_state: NDArray[np.float32],
    ) -> None:
        """Add the newest sample.

        `hidden_state` is the network's state before it, `dt_s` the step that the network made
        with it.

        Raises:
            ValueError: the sample does not follow the newest one (see `follows`).
        """
        if not self.follows(stamp_ns):
            newest = self._stamps_ns[self._end - 1]
            raise ValueError(f"sample at {stamp_ns} ns does not follow the one at {newest} ns")
        if self._end == 2 * self.capacity:
            self._move_to_front()
        row = self._end
        self._stamps_ns[row] = stamp_ns
        self._dt_s[row] = dt_s
        self._features[row] = features
        self._usable[row] = usable
        self._hidden_states[row] = hidden_state
        self._end += 1
        self._start = max(self._start, self._end - self.capacity)

    def clear(self) -> None:
        """Forget every sample."""
        self._start = self._end = 0

    def snapshot(self) -> Window:
        """Copy the window, so that another thread can train on it while samples arrive.

        Raises:
            ValueError: the window is empty.
        """
        if len(self) == 0:
            raise ValueError("the window is empty")
        rows = slice(self._start, self._end)
        return Window(
            stamps_ns=self._stamps_ns[rows].copy(),
            dt_s=self._dt_s[rows].copy(),
            features=self._features[rows].copy(),
            usable=self._usable[rows].copy(),
            initial_hidden_state=self._hidden_states[self._start].copy(),
        )

    def _move_to_front(self) -> None:
        kept = len(self)
        for rows in (
            self._stamps_ns,
            self._dt_s,
            self._features,
            self._usable,
            self._hidden_states,
        ):
            rows[:kept] = rows[self._start : self._end]
        self._start, self._end = 0, kept
