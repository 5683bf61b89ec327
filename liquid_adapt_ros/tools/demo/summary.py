"""Several runs in one file: median and spread of each figure."""

import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from liquid_adapt_ros.tools.demo.report import Report, finite

FIGURES = (
    "frozen_rmse_m",
    "adapted_rmse_m",
    "gain_percent",
    "nominal_rmse_m",
    "nominal_adapted_rmse_m",
    "real_time_factor",
    "fused_rate_hz",
    "action_rate_hz",
    "weight_updates",
)


def summarise(reports: Sequence[Report]) -> dict[str, Any]:
    """The summary as JSON values: {figure: {median, min, max}}, seeds, failures, a sentence."""
    figures = {name: _spread([getattr(report, name) for report in reports]) for name in FIGURES}
    figures["latency_p99_ms"] = _spread([report.latency_ms["p99"] for report in reports])
    gain, frozen = figures["gain_percent"], figures["frozen_rmse_m"]
    sentence = (
        f"{len(reports)} runs: the median gain is {gain['median']:.0f} % "
        f"({gain['min']:.0f} to {gain['max']:.0f}), the median frozen error is "
        f"{frozen['median'] / figures['nominal_rmse_m']['median']:.1f} times the nominal one."
    )
    return finite(
        {
            "sentence": sentence,
            "failures": [f"seed {r.seed}: {text}" for r in reports for text in r.failures],
            "seeds": [report.seed for report in reports],
            **figures,
        }
    )


def write_summary(summary: dict[str, Any], path: Path) -> None:
    """Write the summary as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=2) + "\n")


def _spread(values: Sequence[float]) -> dict[str, float]:
    known = [value for value in values if math.isfinite(value)] or [math.nan]
    return {"median": statistics.median(known), "min": min(known), "max": max(known)}
