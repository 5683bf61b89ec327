"""What torch's profiler finds: time and memory of each operator."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch.profiler import ProfilerActivity, profile

CALLS = 20


@dataclass(frozen=True)
class OperatorCost:
    """One operator, per call of what was profiled.

    Attributes:
        name: torch's.
        count: how often it runs.
        self_ms, total_ms: its own time, and with what it calls [ms].
        memory_kb: memory that it allocates and does not give back itself [kB].
    """

    name: str
    count: float
    self_ms: float
    total_ms: float
    memory_kb: float


@dataclass(frozen=True)
class Profile:
    """Median time of a call without the profiler [ms], and its operators, the costliest first."""

    call_ms: float
    operators: list[OperatorCost]


def profiled(call: Callable[[], object]) -> Profile:
    """Run `call` some times, warm, first without the profiler and then with it."""
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        for _ in range(CALLS):
            call()
    costs = [
        OperatorCost(
            event.key,
            event.count / CALLS,
            event.self_cpu_time_total / CALLS / 1e3,
            event.cpu_time_total / CALLS / 1e3,
            event.self_cpu_memory_usage / CALLS / 1e3,
        )
        for event in profiler.key_averages()
        # The profiler's own entries: memory that no operator owns.
        if not event.key.startswith("[")
    ]
    costs.sort(key=lambda cost: cost.self_ms, reverse=True)
    return Profile(1e3 * float(np.median(times[1:])), costs)
