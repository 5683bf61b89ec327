"""How the cost of our network grows with hidden size, window length and batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from liquid_adapt_ros.lnn import LiquidNetwork
from liquid_adapt_ros.tools.bench.settings import GrowthSettings, TimingSettings, Workload
from liquid_adapt_ros.tools.bench.steps import streaming_step
from liquid_adapt_ros.tools.bench.timing import Timing, interleaved
from liquid_adapt_ros.tools.bench.windows import window_gradient
from liquid_adapt_ros.tools.progress import Update

STEP, GRADIENT = "step by hidden", "window gradient by hidden"
BY_WINDOW, BY_BATCH = "window gradient by window", "window gradient by batch"


def measure_growth(
    workload: Workload, sizes: GrowthSettings, timing: TimingSettings, update: Update
) -> dict[str, dict[str, Any]]:
    """Each curve with its sizes, timings, fitted exponent and fitted line."""
    subjects = {}
    for hidden in sizes.hidden:
        spec = dataclasses.replace(workload, hidden=hidden).spec()
        subjects[STEP, hidden] = streaming_step(spec)
        subjects[GRADIENT, hidden] = _gradient(workload, hidden=hidden)
    for window in sizes.window:
        subjects[BY_WINDOW, window] = _gradient(workload, window=window)
    for batch in sizes.batch:
        subjects[BY_BATCH, batch] = _gradient(workload, batch=batch)
    timings = interleaved(
        subjects, timing.growth_rounds, timing.block_s, timing.most_per_block, update
    )
    curves = {
        STEP: sizes.hidden,
        GRADIENT: sizes.hidden,
        BY_WINDOW: sizes.window,
        BY_BATCH: sizes.batch,
    }
    return {
        name: _curve({size: timings[name, size] for size in values})
        for name, values in curves.items()
    }


def slope(sizes: list[int], costs: list[float]) -> float:
    """The exponent p of the fitted cost ~ size^p."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def line(sizes: list[int], costs: list[float]) -> dict[str, float]:
    """The fitted cost ~ fixed + each x size [us], and its largest relative deviation [%].

    Least squares of the relative deviations, so that small sizes count as much as large ones.
    """
    size, cost = np.array(sizes), np.array(costs)
    columns = np.stack([1.0 / cost, size / cost], axis=1)
    fixed, each = np.linalg.lstsq(columns, np.ones(len(cost)), rcond=None)[0]
    worst = np.abs((fixed + each * size) / cost - 1.0).max()
    return {
        "fixed_us": float(fixed),
        "each_us": float(each),
        "worst_percent": float(100.0 * worst),
    }


def _curve(timings: Mapping[int, Timing]) -> dict[str, Any]:
    sizes, costs = list(timings), [timing.cpu_us for timing in timings.values()]
    return {
        "sizes": sizes,
        "timings": [dataclasses.asdict(timing) for timing in timings.values()],
        "slope": slope(sizes, costs),
        "line": line(sizes, costs),
    }


def _gradient(workload: Workload, batch: int = 1, **changed: int) -> Any:
    workload = dataclasses.replace(workload, **changed)
    network = LiquidNetwork(workload.spec())
    return window_gradient(network, workload.features, workload.window, batch)
