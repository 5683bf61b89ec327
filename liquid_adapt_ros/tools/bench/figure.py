"""The picture of a run: ratios, sequence task, cost against size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from liquid_adapt_ros.tools.bench.growth import BY_BATCH, BY_WINDOW, GRADIENT, STEP
from liquid_adapt_ros.tools.bench.report import machine_line, times

# Okabe and Ito's colours, told apart also by colour-blind readers.
_OURS, _PEER, _STEP, _GRADIENT, _NEUTRAL = "#0072B2", "#D55E00", "#0072B2", "#009E73", "#666666"

# Room for a legend above curves, as a share of their range on the logarithmic axis.
_LEGEND_SHARE = 0.2


def draw_report(report: Mapping[str, Any], path: Path) -> None:
    """Write the picture of a report as a PNG file."""
    figure = Figure(figsize=(13.0, 8.6), dpi=130, layout="constrained")
    axes = figure.subplots(2, 2)
    figure.suptitle("Our networks and their peers on one processor core")
    _draw_ratios(axes[0, 0], report["ratios"])
    _draw_sequence(axes[0, 1], report["sequence_task"])
    _draw_curves(axes[1, 0], report["growth"], {STEP: _STEP, GRADIENT: _GRADIENT}, "hidden units")
    _draw_curves(
        axes[1, 1],
        report["growth"],
        {BY_WINDOW: _GRADIENT, BY_BATCH: _PEER},
        "samples in the window; windows in the batch",
    )
    for item in axes.flat:
        item.grid(alpha=0.25)
        item.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(machine_line(report["machine"]), fontsize=7, color=_NEUTRAL)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _draw_ratios(axes: Axes, ratios: Mapping[str, float]) -> None:
    names = list(ratios)[::-1]
    by_kind = {"step": _STEP, "window_gradient": _GRADIENT, "readout": _NEUTRAL}
    colours = [by_kind[name.split("/")[0]] for name in names]
    bars = axes.barh(names, [ratios[name] for name in names], color=colours, height=0.7)
    axes.bar_label(bars, [times(ratios[name]) for name in names], padding=3, fontsize=9)
    axes.axvline(1.0, color=_NEUTRAL, linewidth=1.0)
    axes.set_xscale("log")
    axes.set_xlim(min(0.8, *ratios.values()), 4.0 * max(ratios.values()))
    axes.set_title("Times longer than ours (CPU time, median over median)", fontsize=11)


def _draw_sequence(axes: Axes, task: Mapping[str, Any]) -> None:
    results = dict(task["networks"])
    persistence = results.pop("persistence")["test_mse"]
    names = list(results)[::-1]
    for place, name in enumerate(names):
        result = results[name]
        colour = _PEER if name.startswith("ncps_") else _OURS
        axes.plot(
            result["by_seed"],
            [place] * len(result["by_seed"]),
            linestyle="none",
            marker="o",
            markersize=4,
            color=colour,
            alpha=0.35,
        )
        axes.errorbar(
            result["test_mse"],
            place,
            xerr=result["spread"],
            marker="D",
            color=colour,
            capsize=3,
        )
    axes.axvline(persistence, color=_NEUTRAL, linestyle="--", linewidth=1.2)
    axes.annotate(
        "no change",
        (persistence, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(3, -2),
        textcoords="offset points",
        va="top",
        fontsize=8,
        color=_NEUTRAL,
    )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.2)
    axes.set_xlabel("test MSE (dots: seeds; bar: standard deviation)")
    axes.set_title("Next hour's weather, 32 units, one recipe", fontsize=11)


def _draw_curves(
    axes: Axes, curves: Mapping[str, Any], colours: Mapping[str, str], label: str
) -> None:
    for name, colour in colours.items():
        curve = curves[name]
        costs = [timing["cpu_us"] for timing in curve["timings"]]
        axes.plot(
            curve["sizes"],
            costs,
            marker="o",
            color=colour,
            label=f"{name} (size^{curve['slope']:.2f})",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    sizes = sorted({size for name in colours for size in curves[name]["sizes"]})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label)
    axes.set_ylabel("CPU time [us]")
    axes.set_title("Cost of liquid_ode/rk4", fontsize=11)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** _LEGEND_SHARE)
    axes.legend(loc="upper left", frameon=False, fontsize=9)
