"""The suite's report as text, for people."""

from __future__ import annotations

from typing import Any

import numpy as np

from liquid_adapt_ros.tools.adaptation.summary import (
    FALLS,
    FULL,
    RAISED,
    fall_percent,
    position,
    removed_percent,
    rise,
)

_PHASES = ("before", "0-5 s", "5-30 s", "30-60 s", "return 0-5 s", "after")


def markdown(report: dict[str, Any]) -> str:
    """Everything that matters, as Markdown."""
    parts = [
        "# Learning on recorded streams\n",
        f"Split {report['split']}, seeds {report['seeds']}; 20 s as trained, 60 s under a "
        "disturbance, 20 s as before. Position error is the root mean squared distance from the "
        "true position 0.3 s ahead, predicted before its label was known.\n",
        "## Summary\n",
        _summary(report["summary"]),
        "## Ways of learning\n",
        "Fall of the position error against the frozen network and error against before the "
        "change: median over the disturbances; cost: worst seed of the episodes in which nothing "
        "changes; share of a core: median over all.\n",
        _ways(report["ways"]),
        "## Fall of the position error against the frozen network, median over seeds\n",
        "The last column says how much learning removed of what a disturbance added to the frozen "
        "network's error in an episode of the same seed in which nothing changes, for those that "
        "raise it by half or more.\n",
        _falls(report["disturbances"]),
        "## Position error in mm: median over seeds (smallest - largest)\n",
    ]
    for name, methods in report["disturbances"].items():
        parts += [f"### {name}\n", _errors(methods)]
    parts += ["## Objects picked while the policy drives, supervised\n", _picks(report)]
    return "\n".join(parts)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _summary(summary: dict[str, Any]) -> str:
    rows = []
    for name, value in summary.items():
        if name == "picks":
            continue
        if not isinstance(value, dict):
            rows.append([name, "", _text(value)])
            continue
        for key, inner in value.items():
            inner = inner.items() if isinstance(inner, dict) else [("", inner)]
            rows += [[name, f"{key} {part}".strip(), _text(figure)] for part, figure in inner]
    return _table(["figure", "of", "value"], rows)


def _ways(ways: dict[str, dict[str, float]]) -> str:
    header = ["way", *next(iter(ways.values()))]
    return _table(
        header, [[name, *(f"{value:.3g}" for value in way.values())] for name, way in ways.items()]
    )


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _falls(disturbances: dict[str, Any]) -> str:
    methods = [name for name in next(iter(disturbances.values())) if name != "frozen"]
    rows = []
    for name, item in disturbances.items():
        row = [name, f"{rise(item):.1f}x"]
        for method in methods:
            falls = [
                f"{fall_percent(item, method, phase):.0f}" if method in item else "-"
                for phase in FALLS
            ]
            row.append(" / ".join(falls))
        row.append(_removed(disturbances, name) if rise(item) >= RAISED else "-")
        rows.append(row)
    ways = [f"{method} [%]" for method in methods]
    return _table(["disturbance", "raises error", *ways, "removed of what was added [%]"], rows)


def _removed(disturbances: dict[str, Any], name: str) -> str:
    return " / ".join(f"{removed_percent(disturbances, name, FULL, phase):.0f}" for phase in FALLS)


def _errors(methods: dict[str, Any]) -> str:
    rows = []
    for method in methods:
        row = [method]
        for phase in _PHASES:
            error = 1000.0 * position(methods, method, phase)
            row.append(
                f"{np.nanmedian(error):.1f} ({np.nanmin(error):.1f} - {np.nanmax(error):.1f})"
            )
        action = methods[method]["joint_velocity_rmse_rad_s"]["disturbed"]
        row.append(f"{np.median(action):.3f}")
        rows.append(row)
    return _table(["method", *_PHASES, "joint velocity, disturbed [rad/s]"], rows)


def _picks(report: dict[str, Any]) -> str:
    rows = []
    for name, methods in report["closed_loop"].items():
        for method, phases in methods.items():
            figures = phases["disturbed"]
            share = figures["policy_ticks"] / max(figures["ticks"], 1)
            rows.append(
                [
                    name,
                    method,
                    str(figures["objects"]),
                    str(figures["policy_picks"]),
                    str(figures["planner_picks"]),
                    f"{100.0 * share:.0f} %",
                ]
            )
    header = ["disturbance", "method", "objects", "by policy", "by planner", "policy drives"]
    return _table(header, rows)
