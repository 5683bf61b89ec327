"""`python -m liquid_adapt_ros.tools.adaptation.sweep`: what each parameter of the trainer does.

The parameters that are worth turning, one at a time around their defaults, on recorded streams of
the TUNING split: error under a disturbance, its cost where nothing changed, and processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from liquid_adapt_ros.adaptation.learner import LearnerSettings, OnlineLearner
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.adaptation.disturbances import TUNING
from liquid_adapt_ros.tools.adaptation.methods import learner_settings
from liquid_adapt_ros.tools.adaptation.run_stream import TRAINING_PERIOD_S, run_stream
from liquid_adapt_ros.tools.adaptation.scores import StreamScore, by_phase
from liquid_adapt_ros.tools.adaptation.streams import Stream
from liquid_adapt_ros.tools.adaptation.suite import NOTHING, Suite
from liquid_adapt_ros.tools.adaptation.sweep_report import draw, gather, markdown
from liquid_adapt_ros.tools.adaptation.work import (
    STREAM_SOURCES,
    stream_key,
    work_key,
    work_off,
)
from liquid_adapt_ros.tools.in_process_fusion import TICK_S
from liquid_adapt_ros.weights.atomic_file import write_atomically

SEEDS = 2
# A belt at another speed, one whose speed never settles, and a camera that looks elsewhere.
DISTURBANCES = (NOTHING, "belt_fast", "belt_steps", "camera_bump")
_RUN_SOURCES = (
    *STREAM_SOURCES,
    "adaptation",
    "lnn",
    "tools/adaptation/methods.py",
    "tools/adaptation/run_stream.py",
    "tools/adaptation/scores.py",
    "tools/adaptation/sweep.py",
)


@dataclass(frozen=True)
class Setup:
    """What one run learns with.

    Attributes:
        learner: settings of labels and engine.
        training_period_s: how often the network is trained, as the governor has it [s].
    """

    learner: LearnerSettings
    training_period_s: float


DEFAULT = Setup(learner_settings("both"), TRAINING_PERIOD_S)


@dataclass(frozen=True)
class Turned:
    """A parameter of online_trainer, and the values that it is turned to.

    Attributes:
        name: the parameter's.
        field: where its value is in a Setup.
        factors: on its default, rising; 1 is the default itself.
    """

    name: str
    field: tuple[str, ...]
    factors: tuple[float, ...]

    def value(self, factor: float) -> Any:
        """The default times the factor: a number, or a tuple of them."""
        value: Any = DEFAULT
        for name in self.field:
            value = getattr(value, name)
        if isinstance(value, tuple):
            return tuple(factor * item for item in value)
        return factor * value

    def setup(self, factor: float) -> Setup:
        """The defaults, with this parameter's times the factor."""
        return _replaced(DEFAULT, self.field, self.value(factor))


_ENGINE = ("learner", "engine")
PARAMETERS = (
    Turned("readout_memories", (*_ENGINE, "readout", "memories"), (0.25, 0.5, 1.0, 4.0)),
    Turned("readout_priors", (*_ENGINE, "readout", "priors"), (0.25, 1.0, 4.0)),
    Turned("world_memories", (*_ENGINE, "readout", "world_memories"), (0.25, 1.0, 4.0)),
    Turned("world_priors", (*_ENGINE, "readout", "world_priors"), (0.25, 1.0, 4.0)),
    Turned("update_period_s", (*_ENGINE, "update_period_s"), (0.4, 1.0, 2.0, 4.0)),
    Turned("period_s", ("training_period_s",), (0.5, 1.0, 4.0)),
)


@dataclass(frozen=True)
class Sweep:
    """The work on the streams, split and model of a suite, kept in the folders of that suite."""

    suite: Suite

    def path(self, turned: Turned, factor: float, disturbance: str, seed: int) -> Path:
        """The figures of one run; all parameters share those of the defaults."""
        setting = "default" if factor == 1.0 else f"{turned.name}_{factor:g}"
        return self.suite.result_path(setting, disturbance, seed)

    def run(self, turned: Turned, factor: float, disturbance: str, seed: int) -> dict[str, Any]:
        """What that run came to."""
        return json.loads(self.path(turned, factor, disturbance, seed).read_text())

    def recordings(self) -> list[Callable[[], None]]:
        """The streams that are still to be recorded."""
        return self.suite.stages()["streams"]

    def pieces(self) -> list[Callable[[], None]]:
        """The runs that are still to be done; they are independent."""
        pieces = {
            self.path(turned, factor, item.name, seed): partial(
                _run, self, turned, factor, item.name, seed
            )
            for seed in self.suite.split.seeds
            for turned in PARAMETERS
            for factor in turned.factors
            for item in self.suite.split.disturbances
        }
        return [work for path, work in pieces.items() if not path.exists()]


def main() -> None:
    """Parse the command line, run what is not done yet, and write the plots."""
    parser = argparse.ArgumentParser(
        prog="sweep",
        description="Turn the trainer's parameters one at a time on recorded streams. Can be cut "
        "off at any time: the same command goes on where it stopped.",
    )
    parser.add_argument("--out", type=Path, default=Path("out/tuning"), help="for all files")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    sweep = _sweep(arguments.out)
    console = Console()
    stages = {"streams": sweep.recordings, "runs": sweep.pieces}
    work_off(stages, arguments.processes, console)
    for path in write_report(sweep, arguments.out):
        console.print(path)


def write_report(sweep: Sweep, folder: Path) -> Iterator[Path]:
    """Write sweep.json, table.md and a picture for each parameter; yields their paths."""
    report = gather(sweep, PARAMETERS)
    for name, text in (
        ("sweep.json", json.dumps(report, indent=1)),
        ("table.md", markdown(report)),
    ):
        write_atomically(folder / name, text.encode())
        yield folder / name
    for name in report["parameters"]:
        draw(report, name, folder / f"{name}.png")
        yield folder / f"{name}.png"


def _sweep(folder: Path) -> Sweep:
    models = share_folder() / "models"
    split = replace(
        TUNING,
        seeds=TUNING.seeds[:SEEDS],
        disturbances=tuple(item for item in TUNING.disturbances if item.name in DISTURBANCES),
    )
    suite = Suite(
        streams=folder / "streams" / stream_key(models),
        figures=folder / "runs" / work_key(models, *_RUN_SOURCES),
        models=models,
        split=split,
        methods=(),
        closed_loop_seeds=(),
        with_oracle=False,
        with_faults=False,
    )
    return Sweep(suite)


def _run(sweep: Sweep, turned: Turned, factor: float, disturbance: str, seed: int) -> None:
    torch.set_num_threads(1)
    suite = sweep.suite
    model = suite.model()
    (item,) = (item for item in suite.split.disturbances if item.name == disturbance)
    stream = Stream.load(suite.stream_path(item, seed))
    setup = turned.setup(factor)
    nominal = suite.nominal(model)
    learner = OnlineLearner(model.spec, model.params, model.norm, nominal, setup.learner, seed)
    score = StreamScore(stream, model.spec, model.norm)
    started_s = time.process_time()
    trace = run_stream(stream, learner, setup.training_period_s)
    spent_s = time.process_time() - started_s
    figures = {
        "adapted_m": by_phase(score.position_error_m(trace.adapted)),
        "frozen_m": by_phase(score.position_error_m(trace.frozen)),
        "cpu_share": spent_s / (len(stream) * TICK_S),
        "accepted": trace.accepted,
        "rejected": trace.rejected,
    }
    path = sweep.path(turned, factor, disturbance, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(figures).encode())


def _replaced(settings: Any, field: tuple[str, ...], value: Any) -> Any:
    first, *rest = field
    inner = _replaced(getattr(settings, first), tuple(rest), value) if rest else value
    return replace(settings, **{first: inner})


if __name__ == "__main__":
    main()
