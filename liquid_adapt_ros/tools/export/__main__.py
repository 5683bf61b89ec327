"""export_model: the trained model as ONNX files and torch.export packages, checked against torch.

Writes the encoder, one step of the policy's network (state in, state out, weights as inputs) and
its window form (any number of samples). Nothing is written unless every file agrees with torch on
random input and on an episode of the built-in simulator.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from liquid_adapt_ros.tools.export.export import (
    ExportedFile,
    ExportMismatch,
    export_model,
    write_files,
)
from liquid_adapt_ros.tools.export.tensorrt import trtexec_lines
from liquid_adapt_ros.tools.model_command import duration, model_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns 1, with the reason on stderr, where it failed."""
    options = _parser().parse_args(arguments)
    # As the nodes run; on graphs as small as these more threads only wait for each other.
    torch.set_num_threads(1)
    try:
        files = export_model(options.model, options.encoder, options.seconds)
        write_files(files, options.out)
    except (ValueError, OSError, ExportMismatch) as error:
        print(f"export_model: {error}", file=sys.stderr)
        return 1
    console = Console()
    console.print(_table(files))
    print(f"Written to {options.out}. Engines of half precision, on a machine with TensorRT:")
    for line in trtexec_lines(files):
        print(line)
    return 0


def _table(files: Sequence[ExportedFile]) -> Table:
    table = Table(title="Largest difference from torch")
    table.add_column("file")
    for heading in ("size", "random input", "recorded input", "limit"):
        table.add_column(heading, justify="right")
    for file in files:
        table.add_row(
            file.name,
            f"{len(file.content) / 1000:.0f} kB",
            _difference(file.random),
            _difference(file.recorded),
            f"{file.limit:.0e}",
        )
    return table


def _difference(value: float | None) -> str:
    return "no torch form" if value is None else f"{value:.1e}"


def _parser() -> argparse.ArgumentParser:
    parser = model_parser("export_model", __doc__)
    add = parser.add_argument
    add("--out", type=Path, default=Path("out/export"), help="folder of the results")
    add("--seconds", type=duration(0.2), default=3.0, help="simulated time of recorded input [s]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
