"""`python -m liquid_adapt_ros.tools.adaptation`: how well it learns, on recorded streams."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.adaptation.disturbances import REPORTED, TUNING, Split
from liquid_adapt_ros.tools.adaptation.figure import draw
from liquid_adapt_ros.tools.adaptation.methods import METHODS, USUAL
from liquid_adapt_ros.tools.adaptation.report import markdown
from liquid_adapt_ros.tools.adaptation.suite import Suite
from liquid_adapt_ros.tools.adaptation.summary import FULL, gather
from liquid_adapt_ros.tools.adaptation.work import stream_key, work_key, work_off
from liquid_adapt_ros.weights.atomic_file import write_atomically

_FIGURE_SOURCES = (
    "adaptation",
    "fusion",
    "lnn",
    "sim",
    "tools/adaptation",
    "tools/in_process_fusion.py",
    "tools/in_process_policy.py",
)

QUICK_SEEDS = 2
QUICK_DISTURBANCES = ("nothing", "belt_fast", "camera_bump")
QUICK_METHODS = ("original", "readout", "both")


def main() -> None:
    """Parse the command line and run what is not done yet."""
    parser = argparse.ArgumentParser(
        prog="adaptation",
        description="Record streams, let each way of learning run on them, write the report. Can "
        "be cut off at any time: the same command goes on where it stopped.",
    )
    parser.add_argument("--out", type=Path, default=Path("out/adaptation"), help="for all files")
    parser.add_argument("--quick", action="store_true", help="a small suite, some minutes")
    parser.add_argument(
        "--tuning", action="store_true", help="the seeds and strengths that choices are made on"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        choices=range(1, len(REPORTED.seeds) + 1),
        metavar=f"1..{len(REPORTED.seeds)}",
        help="only the first so many seeds",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        help=f"ways of learning to compare with the full engine (usually {', '.join(USUAL)})",
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    suite = _suite(arguments)
    console = Console()
    stages = {name: partial(list, pieces) for name, pieces in suite.stages().items()}
    work_off(stages, arguments.processes, console)
    report = gather(suite)
    text = markdown(report)
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_atomically(arguments.out / "report.json", json.dumps(report, indent=1).encode())
    write_atomically(arguments.out / "report.md", text.encode())
    draw(report, arguments.out / "report.png")
    console.print(Markdown(text.split("## Position error")[0]))
    console.print(f"All of it: {arguments.out}/report.md, report.json, report.png.")


def _suite(arguments: argparse.Namespace) -> Suite:
    split = TUNING if arguments.tuning else REPORTED
    methods, closed_loop_seeds = tuple(USUAL), split.seeds[:2]
    if arguments.quick:
        split = _small(split)
        methods, closed_loop_seeds = QUICK_METHODS, split.seeds[:1]
    if arguments.seeds:
        split = dataclasses.replace(split, seeds=split.seeds[: arguments.seeds])
        closed_loop_seeds = closed_loop_seeds[: arguments.seeds]
    if arguments.methods:
        methods = tuple(dict.fromkeys([*arguments.methods, FULL]))
    models = share_folder() / "models"
    return Suite(
        streams=arguments.out / "streams" / f"{split.name}-{stream_key(models)}",
        figures=arguments.out / "figures" / f"{split.name}-{work_key(models, *_FIGURE_SOURCES)}",
        models=models,
        split=split,
        methods=methods,
        closed_loop_seeds=closed_loop_seeds,
        with_oracle=not arguments.quick,
        with_faults=not arguments.quick,
    )


def _small(split: Split) -> Split:
    return dataclasses.replace(
        split,
        seeds=split.seeds[:QUICK_SEEDS],
        disturbances=tuple(item for item in split.disturbances if item.name in QUICK_DISTURBANCES),
    )


if __name__ == "__main__":
    main()
