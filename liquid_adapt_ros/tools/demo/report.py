"""The figures of one run, and whether it went as it must."""

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from liquid_adapt_ros.tools.demo.recording import (
    Recording,
    latencies_ms,
    rate_hz,
    real_time_factor,
)
from liquid_adapt_ros.tools.demo.score import ErrorSeries, applied_updates

# The final figures are those of this last part of the run [s].
FINAL_WINDOW_S = 30.0
# The network's hidden state starts at zero; the nominal error is taken from here on [s].
WARM_UP_S = 2.0
# A rate lower than this share of what it should be fails the run.
RATE_SHARE_MIN = 0.9


@dataclass(frozen=True)
class RunConditions:
    """What was asked for: one run of the demo.

    Attributes:
        scenario: its name.
        change_s: instants of its changes [s].
        seed, duration_s, rate_hz: as given on the command line.
    """

    scenario: str
    change_s: tuple[float, ...]
    seed: int
    duration_s: float
    rate_hz: float

    @property
    def final_window_s(self) -> tuple[float, float]:
        """Start and end of the window of the final figures, never before the last change [s]."""
        start_s = max(0.0, self.duration_s - FINAL_WINDOW_S, *self.change_s)
        return (start_s, self.duration_s)

    def nominal_window_s(self, horizon_s: float) -> tuple[float, float]:
        """Start and end of the undisturbed part: what is predicted for before the change [s]."""
        end_s = min((self.duration_s, *self.change_s))
        return (WARM_UP_S, end_s - horizon_s)


@dataclass(frozen=True)
class Report:
    """The keys of report.json. Errors are RMSE over the same samples for both networks."""

    sentence: str
    failures: list[str]
    scenario: str
    seed: int
    duration_s: float
    change_s: list[float]
    # Over the final window.
    final_window_s: list[float]
    scored_samples: int
    frozen_rmse_m: float
    adapted_rmse_m: float
    gain_percent: float
    # Before the first change.
    nominal_rmse_m: float
    nominal_adapted_rmse_m: float
    # The stack.
    real_time_factor: float
    fused_rate_hz: float
    action_rate_hz: float
    latency_ms: dict[str, float]
    cpu_percent: dict[str, float]
    # Learning: weight versions that reached the policy, and the trainer's own counts.
    weight_updates: int
    weight_version: int
    trainer: dict[str, Any] = field(default_factory=dict)
    # The work: who made the picks, objects that entered the zone, objects that left it unpicked.
    picks: dict[str, int] = field(default_factory=dict)
    objects: int = 0
    misses: int = 0

    def write(self, path: Path) -> None:
        """Write the report as JSON; a figure that could not be had becomes null."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(finite(dataclasses.asdict(self)), indent=2) + "\n")


def make_report(
    conditions: RunConditions,
    recording: Recording,
    errors: ErrorSeries,
    cpu_percent: Mapping[str, float],
    node_failures: list[str],
) -> Report:
    """Bring the figures of a finished run together."""
    final = errors.between(*conditions.final_window_s)
    horizon_s = recording.actions[0].horizon_s if recording.actions else 0.0
    nominal = errors.between(*conditions.nominal_window_s(horizon_s))
    latency = latencies_ms(recording.joint_states, recording.settled(recording.actions))
    p50, p99 = np.percentile(latency, (50, 99)) if len(latency) else (math.nan, math.nan)
    updates = applied_updates(recording.actions)
    truth = recording.truth[-1] if recording.truth else {"picks": {}, "objects": 0, "misses": 0}
    figures = {
        "real_time_factor": real_time_factor(recording.settled(recording.joint_states)),
        "fused_rate_hz": rate_hz(recording.settled(recording.fused)),
        "action_rate_hz": rate_hz(recording.settled(recording.actions)),
    }
    return Report(
        sentence=_sentence(conditions, nominal, final),
        failures=node_failures + _failures(conditions, figures, len(updates)),
        scenario=conditions.scenario,
        seed=conditions.seed,
        duration_s=conditions.duration_s,
        change_s=list(conditions.change_s),
        final_window_s=list(conditions.final_window_s),
        scored_samples=len(final),
        frozen_rmse_m=final.frozen_rmse_m,
        adapted_rmse_m=final.adapted_rmse_m,
        gain_percent=final.gain_percent,
        nominal_rmse_m=nominal.frozen_rmse_m,
        nominal_adapted_rmse_m=nominal.adapted_rmse_m,
        **figures,
        latency_ms={"p50": float(p50), "p99": float(p99)},
        cpu_percent=dict(cpu_percent),
        weight_updates=len(updates),
        weight_version=updates[-1][1] if updates else 0,
        trainer=recording.status[-1]._asdict() if recording.status else {},
        picks=truth["picks"],
        objects=truth["objects"],
        misses=truth["misses"],
    )


def _failures(
    conditions: RunConditions, figures: Mapping[str, float], weight_updates: int
) -> list[str]:
    wanted = {
        "real_time_factor": 1.0,
        "fused_rate_hz": conditions.rate_hz,
        "action_rate_hz": conditions.rate_hz,
    }
    failures = [
        f"{name} is {figures[name]:.2f}, it should be {value:g}"
        for name, value in wanted.items()
        if not figures[name] >= RATE_SHARE_MIN * value
    ]
    if weight_updates == 0:
        failures.append("no weights reached the policy")
    return failures


def _sentence(conditions: RunConditions, nominal: ErrorSeries, final: ErrorSeries) -> str:
    if not len(final):
        return "No prediction could be scored."
    start_s, end_s = conditions.final_window_s
    changed = "" if not conditions.change_s else "After the change "
    what = "the" if changed else "The"
    verdict = f"learning removed {final.gain_percent:.0f} % of the error"
    if final.gain_percent < 0.0:
        verdict = f"learning added {-final.gain_percent:.0f} % to the error"
    return (
        f"{changed}{what} frozen network was off by {1000 * final.frozen_rmse_m:.0f} mm and the "
        f"adapted one by {1000 * final.adapted_rmse_m:.0f} mm in the last {end_s - start_s:.0f} s "
        f"(before: {1000 * nominal.frozen_rmse_m:.0f} mm): {verdict}."
    )


def finite(value: Any) -> Any:
    """The same JSON value with null for every number that is not finite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
