"""The three tables of the original design, measured here, with the design's figure beside ours.

Of the design's own measurements only its requirements are known: an answer within 10 ms (100 Hz),
at most 1.15 M parameters or 2.3 MB in FP16 for everything, of which 0.2 M for f in the core.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from liquid_adapt_ros.lnn import LiquidNetwork
from liquid_adapt_ros.lnn.cells.liquid_ode import LiquidOde
from liquid_adapt_ros.tools.bench.machine import runtime_memory
from liquid_adapt_ros.tools.bench.sequence_task import trainable
from liquid_adapt_ros.tools.bench.settings import TimingSettings, TrackingSettings, Workload
from liquid_adapt_ros.tools.bench.steps import plain_step, streaming_step
from liquid_adapt_ros.tools.bench.timing import Subject, Timing, interleaved
from liquid_adapt_ros.tools.bench.tracking_task import TrackingTask
from liquid_adapt_ros.tools.progress import Update

DEADLINE_MS = 10.0
PARAMETERS, PARAMETER_MB = 1_150_000, 2.3
CORE_PARAMETERS = 200_000
DESIGN_SOLVER, UNCOMPILED_SOLVER = "rk4", "dopri5"


def latency_table(step: Timing, training: Timing, model: Path) -> dict[str, Any]:
    """Latency of a step and of a training step, and the memory of a runtime process."""
    return {
        "step": dataclasses.asdict(step),
        "training_step": dataclasses.asdict(training),
        "memory": runtime_memory(model),
    }


def measure_trade_offs(
    workload: Workload, tracking: TrackingSettings, timing: TimingSettings, update: Update
) -> dict[str, Any]:
    """Position error on the tracking task and latency, by hidden size and by solver."""
    task = TrackingTask(workload.features, workload.step_s, tracking)
    wanted = [(hidden, DESIGN_SOLVER) for hidden in tracking.hidden]
    wanted += [(workload.hidden, solver) for solver in tracking.solvers]
    trained: dict[tuple[int, str], LiquidNetwork] = {}
    for number, (hidden, solver) in enumerate(wanted):
        if (hidden, solver) not in trained:
            spec = dataclasses.replace(workload, hidden=hidden).spec(solver=solver)
            trained[hidden, solver] = task.train(spec)
        update(number + 1, len(wanted))
    latencies = _latencies(workload, tracking, timing)
    by_hidden = {hidden: trained[hidden, DESIGN_SOLVER] for hidden in tracking.hidden}
    design = trained[workload.hidden, DESIGN_SOLVER]
    # dopri5 is not compiled: it is too slow to train with, so it gets the design's weights.
    by_solver = {solver: trained[workload.hidden, solver] for solver in tracking.solvers}
    return {
        "last_seen_error_mm": task.last_seen_error_mm(),
        "hidden": {
            str(hidden): {
                "parameters": trainable(network),
                "core_parameters": trainable(network.core),
                "position_error_mm": task.error_mm(network),
                "latency_us": latencies[hidden],
            }
            for hidden, network in by_hidden.items()
        },
        "solver": {
            solver: {
                "evaluations": evaluations_per_sample(design, solver, task.sample_episode()),
                "latency_us": latencies[solver],
                "trained_error_mm": task.error_mm(network) if network else None,
                "design_weights_error_mm": task.error_mm(with_solver(design, solver)),
            }
            for solver, network in (*by_solver.items(), (UNCOMPILED_SOLVER, None))
        },
    }


def with_solver(network: LiquidNetwork, solver: str) -> LiquidNetwork:
    """The same weights under another solver."""
    return LiquidNetwork(dataclasses.replace(network.spec, solver=solver), network.to_numpy())


@torch.no_grad()
def evaluations_per_sample(network: LiquidNetwork, solver: str, sequence: Tensor) -> float:
    """How often the equations are evaluated for a sample, mean over a sequence (1, T, F)."""
    spec = dataclasses.replace(network.spec, solver=solver)
    cell = _CountingOde()
    params = {f"core.{name}": value for name, value in network.core.named_parameters()}
    drive = sequence @ network.core.input_weight.T + network.core.bias
    state, dt_s = sequence.new_zeros(1, spec.hidden), sequence.new_full((1, 1), spec.step_s)
    for t in range(sequence.shape[1]):
        state = cell.advance(spec, params, drive[:, t], state, dt_s)
    return cell.evaluations / sequence.shape[1]


class _CountingOde(LiquidOde):
    """The liquid_ode cell, counting how often its equations are evaluated."""

    def __init__(self) -> None:
        self.evaluations = 0

    def rates(self, *arguments: Any) -> tuple[Tensor, Tensor]:
        """See OdeCell.rates."""
        self.evaluations += 1
        return super().rates(*arguments)


def _latencies(
    workload: Workload, tracking: TrackingSettings, timing: TimingSettings
) -> dict[int | str, float]:
    """Processor time of a streaming step by hidden size and by solver [us]."""
    subjects: dict[int | str, Subject] = {
        hidden: streaming_step(dataclasses.replace(workload, hidden=hidden).spec())
        for hidden in tracking.hidden
    }
    for solver in tracking.solvers:
        subjects[solver] = streaming_step(workload.spec(solver=solver))
    subjects[UNCOMPILED_SOLVER] = plain_step(workload.spec(solver=UNCOMPILED_SOLVER))
    timings = interleaved(
        subjects, timing.step_rounds, timing.block_s, timing.most_per_block, lambda *_: None
    )
    return {name: value.cpu_us for name, value in timings.items()}
