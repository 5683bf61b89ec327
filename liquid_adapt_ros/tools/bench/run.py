"""All sections of the benchmark in their order."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from liquid_adapt_ros.tools.bench import peers, readouts, steps, windows
from liquid_adapt_ros.tools.bench.accuracy import gradient_errors
from liquid_adapt_ros.tools.bench.design_tables import latency_table, measure_trade_offs
from liquid_adapt_ros.tools.bench.growth import measure_growth
from liquid_adapt_ros.tools.bench.machine import machine
from liquid_adapt_ros.tools.bench.sequence_task import compare, our_networks
from liquid_adapt_ros.tools.bench.settings import BenchSettings
from liquid_adapt_ros.tools.bench.timing import Subject, Timing, interleaved, ratios
from liquid_adapt_ros.tools.bench.weather import CHANNELS, SOURCE, hourly_weather
from liquid_adapt_ros.tools.progress import Progress, Update


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """One run on one thread.

    Attributes:
        settings: sizes and lengths.
        model: the model file whose memory is measured.
        progress: shows progress.
    """

    settings: BenchSettings
    model: Path
    progress: Progress

    def run(self) -> dict[str, Any]:
        """The content of report.json."""
        torch.set_num_threads(1)
        torch.manual_seed(0)
        started, workload, timing = time.monotonic(), self.settings.workload, self.settings.timing
        where = machine()
        with self.progress("streaming step") as update:
            step = self._time(
                steps.our_steps(workload),
                peers.peer_steps(workload),
                timing.step_rounds,
                update,
            )
        with self.progress("window gradient") as update:
            gradient = self._time(
                windows.our_windows(workload),
                peers.peer_windows(workload),
                timing.gradient_rounds,
                update,
            )
        with self.progress("readout update") as update:
            readout = self._time(
                readouts.our_update(workload),
                readouts.peer_updates(workload),
                timing.gradient_rounds,
                update,
            )
        with self.progress("gradient accuracy") as update:
            accuracy = gradient_errors(workload, update)
        with self.progress("cost against size") as update:
            growth = measure_growth(workload, self.settings.growth, timing, update)
        latency = latency_table(
            step.ours[steps.OURS], gradient.ours[windows.TRAINING_STEP], self.model
        )
        with self.progress("target tracking") as update:
            trade_offs = measure_trade_offs(workload, self.settings.tracking, timing, update)
        with self.progress("sequence task") as update:
            sequence = self._sequence_task(update)
        return {
            "ratios": step.ratios("step")
            | gradient.ratios("window_gradient")
            | readout.ratios("readout"),
            "machine": where,
            "step": step.to_dict(),
            "window_gradient": gradient.to_dict(),
            "readout": readout.to_dict(),
            "gradient_error": accuracy,
            "growth": growth,
            "latency": latency,
            "trade_offs": trade_offs,
            "sequence_task": sequence,
            "settings": dataclasses.asdict(self.settings),
            "duration_s": time.monotonic() - started,
        }

    def _time(
        self,
        ours: Mapping[str, Subject],
        others: Mapping[str, Subject],
        rounds: int,
        update: Update,
    ) -> Comparison:
        timing = self.settings.timing
        timings = interleaved(
            {**ours, **others}, rounds, timing.block_s, timing.most_per_block, update
        )
        return Comparison(
            {name: timings[name] for name in ours}, {name: timings[name] for name in others}
        )

    def _sequence_task(self, update: Update) -> dict[str, Any]:
        settings = self.settings.sequence
        networks = our_networks(len(CHANNELS), settings.units)
        networks |= peers.peer_sequence_networks(len(CHANNELS), settings.units)
        return {
            "series": SOURCE,
            "networks": compare(hourly_weather(), networks, settings, update),
        }


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Timings from the same rounds; the first of ours is what the ratios are made with."""

    ours: dict[str, Timing]
    peers: dict[str, Timing]

    def ratios(self, prefix: str) -> dict[str, float]:
        """The processor time of each peer over ours, by prefix/peer."""
        ours = next(iter(self.ours.values()))
        return {f"{prefix}/{name}": value for name, value in ratios(self.peers, ours).items()}

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            side: {name: dataclasses.asdict(timing) for name, timing in timings.items()}
            for side, timings in (("ours", self.ours), ("peers", self.peers))
        }
