"""Timing of several subjects in turn, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from liquid_adapt_ros.tools.progress import Update

Subject = Callable[[], object]
Name = TypeVar("Name", bound=Hashable)

_WARM_UP_CALLS = 3
# In a turn; the first finds the caches full of other subjects' data.
_LEAST_CALLS = 2


@dataclass(frozen=True)
class Timing:
    """Durations of one subject's calls [us].

    cpu_us: processor time of a call, median over the rounds; other programs on the machine do not
    count. median_us, p99_us, min_us: of the single calls by the wall clock. runs: number of calls.
    """

    cpu_us: float
    median_us: float
    p99_us: float
    min_us: float
    runs: int


@dataclass
class _Record:
    """What was measured of a subject so far [ns]."""

    cpu: list[float] = field(default_factory=list)
    wall: list[int] = field(default_factory=list)

    def summary(self) -> Timing:
        """The figures of all calls."""
        wall_us = np.array(self.wall) / 1e3
        return Timing(
            cpu_us=float(np.median(self.cpu)) / 1e3,
            median_us=float(np.median(wall_us)),
            p99_us=float(np.percentile(wall_us, 99)),
            min_us=float(wall_us.min()),
            runs=len(wall_us),
        )


def interleaved(
    subjects: Mapping[Name, Subject],
    rounds: int,
    block_s: float,
    most_per_block: int,
    update: Update,
) -> dict[Name, Timing]:
    """Time each call of each subject, in rounds that go through all of them.

    Args:
        subjects: what to call, by name.
        rounds: how often each has its turn.
        block_s: a turn is as many calls as fit into this time, at least two [s].
        most_per_block: and at most this many.
        update: is told the progress.
    """
    blocks = {
        name: int(np.clip(block_s / _rough_s(call), _LEAST_CALLS, most_per_block))
        for name, call in subjects.items()
    }
    records = {name: _Record() for name in subjects}
    for number in range(rounds):
        for name, call in subjects.items():
            _time_block(call, blocks[name], records[name])
        update(number + 1, rounds)
    return {name: record.summary() for name, record in records.items()}


def ratios(peers: Mapping[str, Timing], ours: Timing) -> dict[str, float]:
    """How many times longer each peer takes: the peer's median processor time over ours."""
    return {name: peer.cpu_us / ours.cpu_us for name, peer in peers.items()}


def _rough_s(call: Subject) -> float:
    """Warm the subject up; the shortest of the calls [s]."""
    record = _Record()
    _time_block(call, _WARM_UP_CALLS, record)
    return min(record.wall) / 1e9


def _time_block(call: Subject, times: int, record: _Record) -> None:
    """Call a subject `times` times; the first counts by the wall clock alone."""
    clock, processor = time.perf_counter_ns, time.thread_time_ns
    for number in range(times):
        if number == 1:
            before = processor()
        started = clock()
        call()
        record.wall.append(clock() - started)
    record.cpu.append((processor() - before) / (times - 1))
