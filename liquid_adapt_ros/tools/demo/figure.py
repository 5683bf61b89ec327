"""The picture of one run: errors over time above, belt speed below."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from liquid_adapt_ros.tools.demo.belt_speed import BeltSpeed
from liquid_adapt_ros.tools.demo.report import Report
from liquid_adapt_ros.tools.demo.score import ErrorSeries

# Errors are drawn as RMSE over this much time before each point [s].
SMOOTHING_S = 2.0
_STEP_S = 0.2
# Room for the legend above the curves.
_HEADROOM = 1.15
# A gap in the predicted speed longer than this is drawn as a gap [s].
_GAP_S = 0.25

# Okabe and Ito's colours, told apart also by colour-blind readers.
_FROZEN, _ADAPTED, _TRUE, _CHANGE = "#D55E00", "#0072B2", "#444444", "#CC79A7"


def draw_report(
    report: Report,
    errors: ErrorSeries,
    belt: BeltSpeed,
    update_s: list[float],
    path: Path,
) -> None:
    """Write the picture of a run.

    Args:
        report: its figures.
        errors: of both networks.
        belt: true and predicted speed.
        update_s: when new weights reached the policy [s].
        path: the PNG file.
    """
    figure = Figure(figsize=(10.0, 6.4), dpi=130, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    figure.suptitle(report.sentence, fontsize=11, wrap=True)
    _draw_errors(upper, report, errors, update_s)
    _draw_speeds(lower, belt)
    for axes in (upper, lower):
        _mark_changes(axes, report.change_s)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    _name_change(lower, report.change_s)
    lower.set_xlim(0.0, report.duration_s)
    lower.set_xlabel("time [s]")
    figure.align_ylabels()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _draw_errors(axes: Axes, report: Report, errors: ErrorSeries, update_s: list[float]) -> None:
    grid = np.arange(SMOOTHING_S, report.duration_s + _STEP_S, _STEP_S)
    for values, colour, label in (
        (errors.frozen_m, _FROZEN, "frozen weights"),
        (errors.adapted_m, _ADAPTED, "adapted weights"),
    ):
        rmse_mm = 1000.0 * _sliding_rmse(errors.time_s, values, grid)
        axes.plot(grid, rmse_mm, color=colour, linewidth=1.8, label=label)
    for value_m, colour in (
        (report.frozen_rmse_m, _FROZEN),
        (report.adapted_rmse_m, _ADAPTED),
    ):
        _draw_level(axes, report.final_window_s, 1000.0 * value_m, colour)
    axes.set_ylim(0.0, _HEADROOM * axes.get_ylim()[1])
    axes.plot(
        update_s,
        np.full(len(update_s), 0.015),
        transform=axes.get_xaxis_transform(),
        linestyle="none",
        marker="|",
        markersize=7,
        color="#009E73",
        label="new weights",
    )
    axes.set_ylabel(f"position error [mm]\nRMSE over {SMOOTHING_S:g} s")
    axes.legend(loc="upper right", frameon=False, ncols=3)


def _draw_level(axes: Axes, window_s: list[float], level_mm: float, colour: str) -> None:
    """A band over the window of the final figures, with its value beside it."""
    if not np.isfinite(level_mm):
        return
    axes.hlines(level_mm, *window_s, color=colour, linewidth=5.0, alpha=0.25, zorder=1)
    axes.annotate(
        f"{level_mm:.0f} mm",
        (window_s[1], level_mm),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        color=colour,
        fontweight="bold",
        annotation_clip=False,
    )


def _draw_speeds(axes: Axes, belt: BeltSpeed) -> None:
    axes.plot(belt.time_s, belt.true_m_s, color=_TRUE, linewidth=1.8, label="true")
    times, speeds = _with_gaps(belt.predicted_time_s, belt.predicted_m_s)
    axes.plot(times, speeds, color=_ADAPTED, linewidth=1.4, label="predicted")
    axes.set_ylabel("belt speed [m/s]")
    if len(belt.true_m_s):
        axes.set_ylim(0.0, 1.6 * float(np.max(belt.true_m_s)))
    axes.legend(loc="upper right", frameon=False, ncols=2)


def _mark_changes(axes: Axes, change_s: list[float]) -> None:
    for time_s in change_s:
        axes.axvline(time_s, color=_CHANGE, linestyle="--", linewidth=1.4)


def _name_change(axes: Axes, change_s: list[float]) -> None:
    for time_s in change_s[:1]:
        axes.annotate(
            "the world changes",
            (time_s, 0.05),
            xycoords=axes.get_xaxis_transform(),
            xytext=(5, 0),
            textcoords="offset points",
            color=_CHANGE,
        )


def _sliding_rmse(
    time_s: NDArray[np.float64], error_m: NDArray[np.float64], grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """RMSE over the SMOOTHING_S before each instant of the grid; NaN where there is no sample."""
    sums = np.concatenate([[0.0], np.cumsum(error_m**2)])
    first = np.searchsorted(time_s, grid - SMOOTHING_S)
    last = np.searchsorted(time_s, grid)
    count = last - first
    with np.errstate(invalid="ignore"):
        return np.sqrt((sums[last] - sums[first]) / np.where(count > 0, count, np.nan))


def _with_gaps(
    time_s: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The series with a NaN in each gap longer than _GAP_S, so that no line bridges it."""
    gaps = np.flatnonzero(np.diff(time_s) > _GAP_S) + 1
    return np.insert(time_s, gaps, time_s[gaps - 1]), np.insert(values, gaps, np.nan)
