"""The newest samples of the stream with everything that learning from them takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.label_spacing import LabelSpacing
from liquid_adapt_ros.adaptation.stuck_labels import StuckLabels

NANOSECONDS = 1_000_000_000


# Not known yet when a sample is added, and what stands for that.
_LATER = {
    "predicted": np.nan,
    "learned": np.nan,
    "mixed": np.nan,
    "carried": np.nan,
    "target": np.nan,
    "stands_for": 1.0,
    "trust": 0.0,
}


def _column(name: str) -> property:
    return property(lambda ring: ring._columns[name][ring._start : ring._end])


class SampleRing:
    """Ring of the newest `capacity` samples; a label finds its sample by the stamp.

    The rows live in arrays twice as long as the ring: a sample is one row copy, what is kept is
    always one contiguous slice, and the rows move to the front once per `capacity` samples.

    Attributes (views of the N rows kept, oldest first):
        stamp_ns: (N,) sensor stamps [ns], strictly rising.
        dt_s: (N,) time from the sample before [s].
        segment: (N,) number of the unbroken piece of stream that a sample belongs to.
        features: (N, F). usable: (N,) whether a learner may use the sample.
        hidden_state: (N, H) the newest network's state just before the sample.
        phi: (N, K, P) what the readout of each network read, 1 at the end.
        predicted: (N, K, E, O) what came of each network's readouts, and what each of them said;
            NaN where it has not been noted.
        learned: (N, K, O) what came of all that each network's readouts had learned, used or not;
            NaN as there.
        mixed, carried: (N, K, O) what came of each network's readouts without what was carried
            over from the newest residuals, and what could have been; NaN as there.
        flown: (N, 2, O) what the weights in use and the shipped ones said.
        doubt: (N, O) how far that may be off as the state is not known; see `state_doubt.py`.
        target: (N, O) labels; NaN where not known.
        stands_for: (N, O) of how many samples a label is the only one; see `label_spacing.py`.
        trust: (N, O) how much a label counts, 0 to 1.

    Args:
        capacity: number of samples kept.
        features, hidden, networks, phi, experts, outputs: F, H, K, P, E and O.
    """

    stamp_ns, dt_s, segment = _column("stamp_ns"), _column("dt_s"), _column("segment")
    features, usable = _column("features"), _column("usable")
    hidden_state, phi = _column("hidden_state"), _column("phi")
    predicted, mixed, carried = _column("predicted"), _column("mixed"), _column("carried")
    flown, target, trust = _column("flown"), _column("target"), _column("trust")
    learned, stands_for, doubt = _column("learned"), _column("stands_for"), _column("doubt")

    def __init__(
        self,
        capacity: int,
        features: int,
        hidden: int,
        networks: int,
        phi: int,
        experts: int,
        outputs: int,
    ):
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.capacity = capacity
        rows = 2 * capacity
        self._columns: dict[str, NDArray] = {
            "stamp_ns": np.zeros(rows, np.int64),
            "dt_s": np.zeros(rows),
            "segment": np.zeros(rows, np.int64),
            "features": np.zeros((rows, features), np.float32),
            "usable": np.zeros(rows, np.bool_),
            "hidden_state": np.zeros((rows, hidden), np.float32),
            "phi": np.zeros((rows, networks, phi), np.float32),
            "predicted": np.zeros((rows, networks, experts, outputs), np.float32),
            "learned": np.zeros((rows, networks, outputs), np.float32),
            "mixed": np.zeros((rows, networks, outputs), np.float32),
            "carried": np.zeros((rows, networks, outputs), np.float32),
            "flown": np.zeros((rows, 2, outputs), np.float32),
            "doubt": np.zeros((rows, outputs), np.float32),
            "target": np.zeros((rows, outputs), np.float32),
            "stands_for": np.zeros((rows, outputs), np.float32),
            "trust": np.zeros((rows, outputs), np.float32),
        }
        for name, unknown in _LATER.items():
            self._columns[name].fill(unknown)
        self._start = self._end = 0
        self._appended = 0
        self._spacing = LabelSpacing(outputs)
        self._stuck = StuckLabels(outputs)

    def __len__(self) -> int:
        return self._end - self._start

    def append(self, **row: object) -> None:
        """Add the newest sample: every column but those that are known later, by name.

        Raises ValueError unless its stamp is newer than the newest one.
        """
        if len(self) and row["stamp_ns"] <= self.stamp_ns[-1]:
            raise ValueError(
                f"sample at {row['stamp_ns']} ns is not newer than {self.stamp_ns[-1]} ns"
            )
        if self._end == 2 * self.capacity:
            self._move_to_front()
        for name, value in row.items():
            self._columns[name][self._end] = value
        self._end += 1
        self._appended += 1
        self._start = max(self._start, self._end - self.capacity)

    def label(
        self, stamps_ns: NDArray[np.int64], targets: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
        """Keep labels (N, O), NaN where not known, of the usable samples with these stamps (N,),
        each once; an output that has a label keeps it.

        Returns the stamps (M,) of the samples of which anything is new, of which outputs, (M, O),
        and how many of the N are not used, as they have no usable sample or are stuck.
        """
        rows, places = self.find_all(stamps_ns)
        usable = self.usable[rows]
        rows, places = rows[usable], places[usable]
        unused = len(stamps_ns) - len(rows)
        stored, targets = self.target[rows], targets[places]
        fresh = np.isnan(stored) & ~np.isnan(targets)
        news = np.where(fresh, targets, np.nan)
        stuck = self._stuck.find(self.stamp_ns[rows], news, self.flown[rows])
        fresh[stuck] = False
        unused += int(stuck.sum())
        self.target[rows] = np.where(fresh, targets, stored)
        is_fresh = fresh.any(axis=1)
        rows, oldest = rows[is_fresh], self._appended - len(self)
        self.stands_for[rows] = np.where(
            fresh[is_fresh],
            self._spacing.learn(oldest + rows, fresh[is_fresh]),
            self.stands_for[rows],
        )
        return stamps_ns[places[is_fresh]], fresh[is_fresh], unused

    def find(self, stamp_ns: int) -> int | None:
        """The row of the sample with this stamp; None where it is not kept."""
        stamps = self.stamp_ns
        row = int(stamps.searchsorted(stamp_ns))
        return row if row < len(stamps) and stamps[row] == stamp_ns else None

    def find_all(
        self, stamps_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows (M,) of the samples with these stamps (N,), without those that are not kept,
        and the places (M,) of the found among the stamps."""
        stamps = self.stamp_ns
        rows = np.minimum(stamps.searchsorted(stamps_ns), len(stamps) - 1)
        found = np.flatnonzero(stamps[rows] == stamps_ns) if len(stamps) else np.empty(0, np.int64)
        return rows[found], found

    def find_labelled(
        self, stamps_ns: NDArray[np.int64], labelled: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The rows (M,) of samples with new labels, each once and oldest first, and of which
        outputs, (M, O).

        stamps_ns: (N,) in any order; labels of one sample may come in several pieces. labelled:
        (N, O).
        """
        found, places = self.find_all(stamps_ns)
        order = found.argsort(kind="stable")
        rows, begins = np.unique(found[order], return_index=True)
        return rows, np.logical_or.reduceat(labelled[places[order]], begins)

    def clear(self) -> None:
        """Forget every sample."""
        self._start = self._end
        self._spacing.start_over()
        self._stuck.start_over()
        self._move_to_front()

    def _move_to_front(self) -> None:
        kept = len(self)
        for rows in self._columns.values():
            rows[:kept] = rows[self._start : self._end]
        for name, unknown in _LATER.items():
            self._columns[name][kept:].fill(unknown)
        self._start, self._end = 0, kept
