"""Timing of several subjects in turn, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Subject = Callable[[], object]
Update = Callable[[int, int], None]  # done, in all
Name = TypeVar("Name", bound=Hashable)

_WARM_UP_CALLS = 3


@dataclass(frozen=True)
class Timing:
    """Durations of the single calls of one subject [us]; runs: their number."""

    median_us: float
    p99_us: float
    min_us: float
    runs: int


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
        block_s: a turn is as many calls as fit into this time, at least one [s].
        most_per_block: and at most this many.
        update: is told the progress.
    """
    blocks = {
        name: int(np.clip(block_s / _rough_s(call), 1, most_per_block))
        for name, call in subjects.items()
    }
    durations: dict[Name, list[int]] = {name: [] for name in subjects}
    for number in range(rounds):
        for name, call in subjects.items():
            _time_block(call, blocks[name], durations[name])
        update(number + 1, rounds)
    return {name: _summary(values) for name, values in durations.items()}


def ratios(peers: Mapping[str, Timing], ours: Timing) -> dict[str, float]:
    """How many times longer each peer takes: median of the peer over our median."""
    return {name: peer.median_us / ours.median_us for name, peer in peers.items()}


def _rough_s(call: Subject) -> float:
    """Warm the subject up; the shortest of the calls [s]."""
    durations: list[int] = []
    _time_block(call, _WARM_UP_CALLS, durations)
    return min(durations) / 1e9


def _time_block(call: Subject, times: int, durations_ns: list[int]) -> None:
    clock = time.perf_counter_ns
    for _ in range(times):
        started = clock()
        call()
        durations_ns.append(clock() - started)


def _summary(durations_ns: list[int]) -> Timing:
    values = np.array(durations_ns) / 1e3
    return Timing(
        median_us=float(np.median(values)),
        p99_us=float(np.percentile(values, 99)),
        min_us=float(values.min()),
        runs=len(values),
    )
