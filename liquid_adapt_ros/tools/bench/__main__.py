"""The benchmark: python -m liquid_adapt_ros.tools.bench

Times a streaming step and a window gradient of our networks against torchdiffeq, ncps and torch,
in one process on one thread, trains all of them on a public series, and measures what the
original design's tables ask for. Takes some minutes; a machine that does nothing else gives the
best figures. The result is printed and written below out/bench.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.bench import report
from liquid_adapt_ros.tools.bench.figure import draw_report
from liquid_adapt_ros.tools.bench.settings import BenchSettings
from liquid_adapt_ros.tools.progress import progress_bar

_EXIT_FAILED = 1


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; returns 1 where the peers are not installed."""
    options = _parser().parse_args(arguments)
    try:
        from liquid_adapt_ros.tools.bench.run import Benchmark
    except ModuleNotFoundError as error:
        print(f"bench: {error}; `make bench` installs what is needed", file=sys.stderr)
        return _EXIT_FAILED
    console = Console()
    progress = partial(progress_bar, console)
    figures = Benchmark(BenchSettings(), options.model, progress).run()
    report.write(figures, options.out)
    draw_report(figures, options.out / "report.png")
    for table in report.tables(figures):
        console.print(table.rich())
    console.print(report.machine_line(figures["machine"]))
    console.print(f"Took {figures['duration_s'] / 60.0:.1f} min. Report: {options.out}/report.md")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m liquid_adapt_ros.tools.bench",
        description=__doc__.split("\n", 2)[2],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    model = share_folder() / "models" / "conveyor_policy.safetensors"
    parser.add_argument("--model", type=Path, default=model, help="whose memory is measured")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="for the results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
