"""`python -m liquid_adapt_ros.tools.pretrain`: make models/ from nothing but the simulator."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path

from rich.console import Console

from liquid_adapt_ros.tools.pretrain.allocator import keep_freed_memory
from liquid_adapt_ros.tools.pretrain.pipeline import Pipeline
from liquid_adapt_ros.tools.pretrain.settings import Machine, PretrainSettings
from liquid_adapt_ros.tools.progress import progress_bar
from liquid_adapt_ros.tools.resumable import resumable


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        prog="pretrain",
        description="Record episodes, train encoder, core and head, measure, write models/. "
        "Can be cut off at any time: the same command goes on where it stopped.",
    )
    parser.add_argument("--work", type=Path, default=Path("out/pretrain"), help="for artefacts")
    parser.add_argument("--models", type=Path, default=Path("models"), help="for the result")
    parser.add_argument(
        "--encoder", type=Path, help="keep this encoder, and train core and head for it"
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    cores = os.cpu_count() or 1
    parser.add_argument("--processes", type=int, default=cores, help="and threads to use")
    arguments = parser.parse_args()
    if arguments.encoder and not arguments.encoder.is_file():
        parser.error(f"--encoder {arguments.encoder}: there is no such file")
    keep_freed_memory()
    console = Console()
    pipeline = Pipeline(
        work=arguments.work,
        models=arguments.models,
        settings=PretrainSettings(seed=arguments.seed),
        machine=Machine(workers=arguments.processes, threads=arguments.processes),
        progress=partial(progress_bar, console),
        kept_encoder=arguments.encoder,
    )
    with resumable(console):
        results = pipeline.run()
    error_m = results["evaluation"]["planner"]["position_rmse_m"]
    console.print(
        f"Position error on held-out episodes: {1000.0 * error_m:.1f} mm RMSE, "
        f"0.3 s ahead. Model and card are in {arguments.models}."
    )


if __name__ == "__main__":
    main()
