"""profile_model: where time and memory of the model go.

Prints what torch's profiler finds in encoder, core and head and in a training step, how long one
call takes on the engines of the robot, and the memory of the nodes that run on this machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.tools.model_command import duration, model_parser
from liquid_adapt_ros.tools.profile.engines import CallTime, encoder_time, step_times
from liquid_adapt_ros.tools.profile.operators import Profile, profiled
from liquid_adapt_ros.tools.profile.processes import NodeMemory, node_memory
from liquid_adapt_ros.tools.profile.subjects import (
    encoder_forward,
    window_forward,
    window_training,
)

ROWS = 8


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 1, with the reason on stderr, where it failed."""
    options = _parser().parse_args(arguments)
    console = Console()
    torch.set_num_threads(1)  # as the nodes run
    try:
        model = load_policy(options.model)
        times = [encoder_time(options.encoder), *step_times(model, options.core_file)]
        window = f"window of {options.window} s"
        subjects = {
            f"Core and head, {window}, forward": window_forward(model, options.window),
            f"Core and head, {window}, training step": window_training(model, options.window),
        }
        try:
            subjects = {"Encoder, one picture": encoder_forward(options.encoder), **subjects}
        except ValueError as error:
            console.print(f"The encoder has no torch form to profile: {error}")
    except (ValueError, OSError) as error:
        print(f"profile_model: {error}", file=sys.stderr)
        return 1
    for title, call in subjects.items():
        console.print(_operator_table(title, profiled(call)))
    console.print(_engine_table(times))
    nodes = node_memory()
    console.print(_memory_table(nodes) if nodes else "No node of this package runs here.")
    return 0


def _operator_table(title: str, found: Profile) -> Table:
    table = Table(title=f"{title}: {found.call_ms:.2f} ms")
    table.add_column("operator", no_wrap=True)
    for heading in ("calls", "own, ms", "share", "with callees, ms", "memory, kB"):
        table.add_column(heading, justify="right")
    whole = sum(cost.self_ms for cost in found.operators)
    for cost in found.operators[:ROWS]:
        table.add_row(
            cost.name,
            f"{cost.count:g}",
            f"{cost.self_ms:.3f}",
            f"{100.0 * cost.self_ms / whole:.0f} %",
            f"{cost.total_ms:.3f}",
            f"{cost.memory_kb:.1f}",
        )
    rest = found.operators[ROWS:]
    if rest:
        rest_ms = sum(cost.self_ms for cost in rest)
        share = f"{100.0 * rest_ms / whole:.0f} %"
        table.add_row(f"{len(rest)} others", "", f"{rest_ms:.3f}", share, "", "")
    return table


def _engine_table(times: Sequence[CallTime]) -> Table:
    table = Table(title="One call on this machine's CPU, one thread")
    table.add_column("engine")
    for heading in ("p50, µs", "p99, µs"):
        table.add_column(heading, justify="right")
    for row in times:
        table.add_row(row.name, f"{row.p50_us:.1f}", f"{row.p99_us:.1f}")
    return table


def _memory_table(nodes: Sequence[NodeMemory]) -> Table:
    table = Table(title="Memory of the running nodes")
    table.add_column("node")
    for heading in ("pid", "RSS, MB", "PSS, MB", "torch"):
        table.add_column(heading, justify="right")
    for row in nodes:
        torch = "yes" if row.torch else "no"
        table.add_row(row.node, str(row.pid), f"{row.rss_mb:.0f}", f"{row.pss_mb:.0f}", torch)
    return table


def _parser() -> argparse.ArgumentParser:
    parser = model_parser("profile_model", __doc__)
    add = parser.add_argument
    add("--core-file", type=Path, help="policy_step.onnx of export_model, to time it too")
    add("--window", type=duration(0.01), default=2.0, help="length of the window [s]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
