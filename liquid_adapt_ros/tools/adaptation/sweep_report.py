"""What turning the trainer's parameters came to: figures, a table and a picture of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

from liquid_adapt_ros.tools.adaptation.suite import NOTHING

if TYPE_CHECKING:
    from liquid_adapt_ros.tools.adaptation.sweep import Sweep, Turned

matplotlib.use("Agg")

# Seconds since a disturbance began, and their colour in the pictures.
PHASES = {"0-5 s": "tab:orange", "5-30 s": "tab:red", "30-60 s": "tab:purple"}
RETURN = "return 0-5 s"


def gather(sweep: Sweep, parameters: Sequence[Turned]) -> dict[str, Any]:
    """All figures. Errors are ratios to the frozen network's on the same samples, as lists
    [value][seed]; processor time is a share of one core, [value]."""
    split = sweep.suite.split
    return {
        "split": split.name,
        "seeds": list(split.seeds),
        "parameters": {turned.name: _figures(sweep, turned) for turned in parameters},
    }


def _figures(sweep: Sweep, turned: Turned) -> dict[str, Any]:
    split = sweep.suite.split
    changed = [item.name for item in split.disturbances if item.name != NOTHING]

    def ratios(disturbance: str, phase: str) -> list[list[float]]:
        runs = [
            [sweep.run(turned, factor, disturbance, seed) for seed in split.seeds]
            for factor in turned.factors
        ]
        return [[run["adapted_m"][phase] / run["frozen_m"][phase] for run in row] for row in runs]

    return {
        "factors": list(turned.factors),
        "values": [turned.value(factor) for factor in turned.factors],
        "error": {name: {phase: ratios(name, phase) for phase in PHASES} for name in changed},
        "error_after_return": {name: ratios(name, RETURN) for name in changed},
        "error_where_nothing_changed": ratios(NOTHING, "disturbed"),
        "cpu_share": [
            float(
                np.mean(
                    [
                        sweep.run(turned, factor, item.name, seed)["cpu_share"]
                        for item in split.disturbances
                        for seed in split.seeds
                    ]
                )
            )
            for factor in turned.factors
        ],
    }


def markdown(report: dict[str, Any]) -> str:
    """The figures as a table for each parameter, means over disturbances and seeds."""
    lines = [
        "# What turning the trainer's parameters does\n",
        "Written by `make tuning`: one parameter at a time, the others at their defaults. Errors "
        "are those of the position 0.3 s ahead, in percent of the frozen network's on the same "
        f"samples; {_conditions(report)}.",
    ]
    for name, figures in report["parameters"].items():
        head = [*(f"error {phase}" for phase in PHASES), "back 0-5 s", "nothing", "CPU"]
        lines += [
            f"\n## {name}\n",
            "| value | " + " | ".join(f"{title} [%]" for title in head) + " |",
            "|---|" + "---|" * len(head),
        ]
        error, back = figures["error"].values(), figures["error_after_return"].values()
        columns = [
            *(_percent([item[phase] for item in error]) for phase in PHASES),
            _percent(list(back)),
            _percent([figures["error_where_nothing_changed"]]),
            100.0 * np.array(figures["cpu_share"]),
        ]
        for index, factor in enumerate(figures["factors"]):
            value = _value(figures["values"][index])
            row = [f"**{value}** (default)" if factor == 1.0 else value]
            row += [f"{column[index]:.1f}" for column in columns]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def draw(report: dict[str, Any], name: str, path: Path) -> None:
    """Write a PNG of one parameter: error under each disturbance, nominal cost, processor time;
    lines are means over seeds, dots the seeds, the dashed line the default."""
    from matplotlib import pyplot as plt

    figures = report["parameters"][name]
    axis_of = figures["factors"]
    panels = len(figures["error"]) + 2
    figure, axes = plt.subplots(1, panels, figsize=(2.9 * panels, 2.6), layout="constrained")
    for axis, (disturbance, phases) in zip(axes, figures["error"].items(), strict=False):
        axis.set_title(disturbance.replace("_", " "), fontsize=10)
        for phase, colour in PHASES.items():
            _line(axis, axis_of, phases[phase], colour, phase)
    axes[0].set_ylabel("error [% of frozen]")
    axes[0].legend(fontsize=8)
    nominal, cpu = axes[-2:]
    nominal.set_title("as trained", fontsize=10)
    _line(nominal, axis_of, figures["error_where_nothing_changed"], "tab:green", "nothing changed")
    back = np.mean(list(figures["error_after_return"].values()), axis=0)
    _line(nominal, axis_of, back, "tab:blue", "back for 0-5 s")
    nominal.axhline(100.0, color="0.7", lw=0.8)
    nominal.legend(fontsize=8)
    cpu.set_title("processor [% of a core]", fontsize=10)
    cpu.plot(axis_of, 100.0 * np.array(figures["cpu_share"]), "o-", ms=3, lw=1.2, color="0.3")
    for axis in axes:
        axis.set_ylim(bottom=0.0)
        axis.set_xscale("log")
        axis.axvline(1.0, color="0.7", lw=0.8, ls="--")
        axis.minorticks_off()
        axis.set_xticks(axis_of, [_tick(value, axis_of[i]) for i, value in _values(figures)])
    axes[panels // 2].set_xlabel(_label(name, figures))
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _line(axis: Any, factors: Sequence[float], ratios: Any, colour: str, label: str) -> None:
    percent = 100.0 * np.asarray(ratios, float)
    axis.plot(factors, np.nanmean(percent, axis=1), color=colour, lw=1.2, label=label)
    for seed in percent.T:
        axis.plot(factors, seed, ".", ms=3, color=colour)


def _percent(ratios: list[Any]) -> np.ndarray:
    """Mean over disturbances and seeds of [disturbance][value][seed], in percent."""
    return 100.0 * np.nanmean(np.array(ratios, float), axis=(0, 2))


def _values(figures: dict[str, Any]) -> list[tuple[int, Any]]:
    return list(enumerate(figures["values"]))


def _tick(value: Any, factor: float) -> str:
    return f"x{factor:g}" if isinstance(value, (tuple, list)) else f"{value:g}"


def _label(name: str, figures: dict[str, Any]) -> str:
    default = figures["values"][figures["factors"].index(1.0)]
    return f"{name}, times {_value(default)}" if isinstance(default, (tuple, list)) else name


def _value(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(f"{item:g}" for item in value) + "]"
    return f"{value:g}"


def _conditions(report: dict[str, Any]) -> str:
    names = ", ".join(next(iter(report["parameters"].values()))["error"])
    return f"means over {names} and seeds {report['seeds']} of the {report['split']} split"
