"""What the demo shows while it runs: a live table, or a plain line now and then."""

import math
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import TextIO

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.table import Table

from liquid_adapt_ros.tools.demo.recording import (
    Recording,
    latencies_ms,
    rate_hz,
    real_time_factor,
)

TABLE_PERIOD_S = 0.5
LINE_PERIOD_S = 5.0
# Rates and latencies are those of this many newest messages (2 s at 100 Hz).
_NEWEST = 200


@dataclass(frozen=True)
class LiveFigures:
    """The newest figures of a run in progress; errors in m, NaN where not known yet."""

    time_s: float
    real_time_factor: float
    fused_rate_hz: float
    action_rate_hz: float
    latency_p50_ms: float
    latency_p99_ms: float
    weight_version: int
    frozen_rmse_m: float
    adapted_rmse_m: float
    gain_percent: float
    picks_policy: int
    picks_planner: int
    objects: int
    driver: str
    trainer: str

    @classmethod
    def of(cls, recording: Recording) -> "LiveFigures":
        """The figures of the newest messages of `recording`."""
        joint_states = recording.joint_states[-_NEWEST:]
        actions = recording.actions[-_NEWEST:]
        latency = latencies_ms(recording.joint_states[-2 * _NEWEST :], actions)
        p50, p99 = np.percentile(latency, (50, 99)) if len(latency) else (math.nan, math.nan)
        truth = recording.truth[-1] if recording.truth else None
        status = recording.status[-1] if recording.status else None
        return cls(
            time_s=recording.time_s,
            real_time_factor=real_time_factor(joint_states),
            fused_rate_hz=rate_hz(recording.fused[-_NEWEST:]),
            action_rate_hz=rate_hz(actions),
            latency_p50_ms=float(p50),
            latency_p99_ms=float(p99),
            weight_version=actions[-1].weight_version if actions else 0,
            frozen_rmse_m=status.frozen_rmse_m if status else math.nan,
            adapted_rmse_m=status.adapted_rmse_m if status else math.nan,
            gain_percent=status.gain_percent if status else math.nan,
            picks_policy=truth["picks"]["policy"] if truth else 0,
            picks_planner=truth["picks"]["planner"] if truth else 0,
            objects=truth["objects"] if truth else 0,
            driver=truth["driver"] if truth else "-",
            trainer=(status.reason or "learning") if status else "-",
        )

    def rows(self) -> list[tuple[str, str]]:
        """(label, value) pairs for people."""
        return [
            ("real-time factor", f"{self.real_time_factor:.2f}"),
            ("fused_state", f"{self.fused_rate_hz:.1f} Hz"),
            ("policy_action", f"{self.action_rate_hz:.1f} Hz"),
            ("sensor to action", f"{self.latency_p50_ms:.1f} ms, p99 {self.latency_p99_ms:.1f}"),
            ("weight version", str(self.weight_version)),
            ("frozen error", _millimetres(self.frozen_rmse_m)),
            ("adapted error", _millimetres(self.adapted_rmse_m)),
            ("gain", "-" if math.isnan(self.gain_percent) else f"{self.gain_percent:.0f} %"),
            ("picks by the policy", str(self.picks_policy)),
            ("picks by the planner", str(self.picks_planner)),
            ("objects", str(self.objects)),
            ("driving", self.driver),
            ("trainer", self.trainer),
        ]


class LiveView:
    """Shows the figures of a run: a table that redraws itself, or lines where `headless`."""

    def __init__(self, duration_s: float, headless: bool, stream: TextIO = sys.stdout):
        self._duration_s = duration_s
        self._stream = stream
        self._next_line_s = LINE_PERIOD_S
        self._live = None if headless else Live(console=Console(file=stream), auto_refresh=False)

    def __enter__(self) -> "LiveView":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, recording: Recording) -> None:
        """Show the newest figures; call it every TABLE_PERIOD_S."""
        if self._live is not None:
            self._live.update(self._table(LiveFigures.of(recording)), refresh=True)
        elif recording.time_s >= self._next_line_s:
            self._next_line_s += LINE_PERIOD_S
            print(self._line(LiveFigures.of(recording)), file=self._stream, flush=True)

    def _table(self, figures: LiveFigures) -> Table:
        table = Table(title=f"{figures.time_s:.1f} of {self._duration_s:.0f} s", show_header=False)
        for label, value in figures.rows():
            table.add_row(label, value)
        return table

    def _line(self, figures: LiveFigures) -> str:
        return (
            f"{figures.time_s:5.1f} s  x{figures.real_time_factor:.2f}  "
            f"{figures.fused_rate_hz:5.1f}/{figures.action_rate_hz:5.1f} Hz  "
            f"{figures.latency_p50_ms:4.1f} ms  weights v{figures.weight_version:<4d} "
            f"frozen {_millimetres(figures.frozen_rmse_m):>7}  "
            f"adapted {_millimetres(figures.adapted_rmse_m):>7}  "
            f"picks {figures.picks_policy}+{figures.picks_planner} of {figures.objects}"
        )


def _millimetres(metres: float) -> str:
    return "-" if math.isnan(metres) else f"{1000.0 * metres:.1f} mm"
