"""The figures of a run as tables, for the terminal and for report.md, and as report.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rich.table

from liquid_adapt_ros.tools.bench import design_tables as design


@dataclass(frozen=True)
class Table:
    """Rows of text under a title; note: what must be known to read it."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    note: str = ""

    def rich(self) -> rich.table.Table:
        """For the terminal."""
        table = rich.table.Table(title=self.title, caption=self.note, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For report.md."""
        lines = [f"## {self.title}", "", "| " + " | ".join(self.columns) + " |"]
        lines.append("|---" + "|---:" * (len(self.columns) - 1) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join([*lines, "", self.note, ""])


def tables(report: Mapping[str, Any]) -> list[Table]:
    """All tables of a report."""
    return [
        _ratio_table(report["ratios"]),
        _timing_table("Streaming step [us]", report["step"], "one sample, batch 1"),
        _timing_table("Window gradient [us]", report["window_gradient"], "forward and backward"),
        _timing_table("Readout update [us]", report["readout"], "5 labels, two memories"),
        _sequence_table(report["sequence_task"]),
        _accuracy_table(report["gradient_error"]),
        *_growth_tables(report["growth"]),
        _latency_table(report["latency"]),
        _hidden_table(report["trade_offs"]),
        _solver_table(report["trade_offs"]),
    ]


def write(report: Mapping[str, Any], folder: Path) -> None:
    """Write report.json and report.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    parts = ["# Benchmark", "", machine_line(report["machine"]), "", "![figures](report.png)", ""]
    parts += [table.markdown() for table in tables(report)]
    (folder / "report.md").write_text("\n".join(parts))


def times(ratio: float) -> str:
    """A ratio for people: three digits."""
    return f"{ratio:,.0f}x" if ratio >= 100.0 else f"{ratio:.3g}x"


def machine_line(machine: Mapping[str, Any]) -> str:
    """The machine in one sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['cpu']}, {machine['cores']} cores of which one thread is used, kernel compiled "
        f"for {machine['instruction_set']}, load {machine['load_average']:.1f} at the start; "
        f"{versions}."
    )


def _ratio_table(ratios: Mapping[str, float]) -> Table:
    rows = [(name, times(value)) for name, value in ratios.items()]
    note = "processor time of a call, median of the peer over that of ours"
    return Table("How many times longer the peers take", ("against", "ratio"), rows, note)


def _timing_table(title: str, sides: Mapping[str, Any], note: str) -> Table:
    rows = [
        (
            name if side == "ours" else f"{name} (peer)",
            f"{timing['cpu_us']:,.1f}",
            f"{timing['median_us']:,.1f}",
            f"{timing['p99_us']:,.1f}",
            f"{timing['min_us']:,.1f}",
            f"{timing['runs']}",
        )
        for side, timings in sides.items()
        for name, timing in timings.items()
    ]
    columns = ("", "CPU time", "median", "p99", "minimum", "calls")
    return Table(title, columns, rows, f"{note}; CPU time: median over the rounds")


def _sequence_table(task: Mapping[str, Any]) -> Table:
    rows = [
        (
            name,
            f"{result['test_mse']:.4f}",
            f"{result['spread']:.4f}",
            f"{result['parameters']}" if "parameters" in result else "-",
            f"{result['training_s']:.2f}" if "training_s" in result else "-",
        )
        for name, result in task["networks"].items()
    ]
    columns = ("", "test MSE", "spread", "parameters", "training [s]")
    note = f"{task['series']}; mean and standard deviation over the seeds, variances of 1"
    return Table("Sequence task: next-step prediction", columns, rows, note)


def _accuracy_table(errors: Mapping[str, float]) -> Table:
    rows = [(name, f"{error:.1e}") for name, error in errors.items()]
    note = "float32 kernel against float64 autograd: largest max|difference| / max|gradient|"
    return Table("Relative error of the gradients", ("", "error"), rows, note)


def _growth_tables(curves: Mapping[str, Any]) -> list[Table]:
    tables = []
    for name, curve in curves.items():
        rows = [
            (str(size), f"{timing['cpu_us']:,.1f}", f"{timing['median_us']:,.1f}")
            for size, timing in zip(curve["sizes"], curve["timings"], strict=True)
        ]
        line = curve["line"]
        note = (
            f"cost ~ size^{curve['slope']:.2f}; as a line {line['fixed_us']:,.1f} us + "
            f"{line['each_us']:,.2f} us x size, off by at most {line['worst_percent']:.0f} %"
        )
        tables.append(Table(f"Cost: {name} [us]", ("size", "CPU time", "median"), rows, note))
    return tables


def _latency_table(latency: Mapping[str, Any]) -> Table:
    step, training, memory = latency["step"], latency["training_step"], latency["memory"]
    megabytes = memory["parameter_bytes"] / 1e6
    rows = [
        (
            f"latency of a step, p50 / p99 of {step['runs']}",
            f"{step['median_us']:.1f} / {step['p99_us']:.1f} us",
            f"{design.DEADLINE_MS:g} ms (deadline)",
        ),
        (
            "training step, window 100, with AdamW",
            f"{training['median_us'] / 1e3:.2f} ms, p99 {training['p99_us'] / 1e3:.2f} ms",
            "none known",
        ),
        (
            "memory of a runtime process with one model",
            f"{memory['rss_mb']:.0f} MB",
            "none known",
        ),
        (
            "parameters of core, head and readout",
            f"{memory['parameters']:,} = {megabytes:.2f} MB in FP32",
            f"{design.PARAMETERS:,} = {design.PARAMETER_MB} MB in FP16, with the encoder",
        ),
    ]
    return Table("Latency, training step, memory", ("", "here", "design"), rows)


def _hidden_table(trade_offs: Mapping[str, Any]) -> Table:
    rows = [
        (
            hidden,
            f"{row['parameters']:,}",
            f"{row['core_parameters']:,}",
            f"{design.CORE_PARAMETERS:,}" if hidden == "64" else "-",
            f"{row['position_error_mm']:.1f}",
            f"{row['latency_us']:.1f}",
        )
        for hidden, row in trade_offs["hidden"].items()
    ]
    columns = ("hidden", "parameters", "of the core", "design: f", "error [mm]", "latency [us]")
    return Table("Hidden size", columns, rows, _tracking_note(trade_offs))


def _solver_table(trade_offs: Mapping[str, Any]) -> Table:
    rows = []
    for solver, row in trade_offs["solver"].items():
        trained = row["trained_error_mm"]
        rows.append(
            (
                solver,
                f"{row['evaluations']:.3g}",
                f"{row['latency_us']:,.1f}",
                "-" if trained is None else f"{trained:.1f}",
                f"{row['design_weights_error_mm']:.1f}",
            )
        )
    columns = (
        "solver",
        "evaluations",
        "latency [us]",
        "error, trained with it [mm]",
        "error, weights of rk4 [mm]",
    )
    note = f"{_tracking_note(trade_offs)}; the design has no figures here"
    return Table("Solver", columns, rows, note)


def _tracking_note(trade_offs: Mapping[str, Any]) -> str:
    return (
        "RMS error of the position 0.3 s ahead on the synthetic target-tracking task; "
        f"saying that nothing moves: {trade_offs['last_seen_error_mm']:.1f} mm"
    )
