"""The work of the suite: each piece is one file, and what is there is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from liquid_adapt_ros.adaptation.learner import OnlineLearner
from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream
from liquid_adapt_ros.runtime.policy_model import PolicyModel, load_policy
from liquid_adapt_ros.tools.adaptation.branches import in_branches
from liquid_adapt_ros.tools.adaptation.closed_loop import Drive
from liquid_adapt_ros.tools.adaptation.disturbances import (
    CHANGE_S,
    END_S,
    RETURN_S,
    Disturbance,
    Split,
    by_beginning,
    by_world,
)
from liquid_adapt_ros.tools.adaptation.hostile import FAULT_S, FAULTS, SAME_UNTIL_FAULT
from liquid_adapt_ros.tools.adaptation.methods import learner_settings
from liquid_adapt_ros.tools.adaptation.oracle import train_oracle
from liquid_adapt_ros.tools.adaptation.run_stream import StreamRun, Trace
from liquid_adapt_ros.tools.adaptation.scores import StreamScore, by_phase, rms
from liquid_adapt_ros.tools.adaptation.streams import Stream, record_streams
from liquid_adapt_ros.tools.in_process_fusion import TICK_S
from liquid_adapt_ros.weights.atomic_file import write_atomically

ORACLE_SEEDS = (900, 901, 902)
NOTHING = "nothing"
# After a fault the error has to be back within this time.
RECOVERY_S = 5.0


@dataclass(frozen=True)
class Suite:
    """Where the suite works and on what.

    Attributes:
        streams: folder of the recorded streams.
        figures: folder of the figures of each run.
        models: folder of the shipped files.
        split: disturbances and seeds.
        methods: names out of METHODS.
        closed_loop_seeds: seeds of the episodes that the policy drives.
        with_oracle, with_faults: whether oracle and erring detectors are part of it.
    """

    streams: Path
    figures: Path
    models: Path
    split: Split
    methods: tuple[str, ...]
    closed_loop_seeds: tuple[int, ...]
    with_oracle: bool
    with_faults: bool

    # --- files --------------------------------------------------------------------------------

    @property
    def encoder_path(self) -> Path:
        """The shipped encoder."""
        return self.models / "conveyor_encoder.onnx"

    def model(self) -> PolicyModel:
        """The shipped policy."""
        return load_policy(self.models / "conveyor_policy.safetensors")

    def nominal(self, model: PolicyModel) -> NominalSet:
        """What it shall not forget."""
        path = self.models / "conveyor_policy_nominal.safetensors"
        spec = model.spec
        return NominalSet.load(path, spec.features, spec.hidden, spec.shapes())

    def stream_path(self, disturbance: Disturbance, seed: int) -> Path:
        """A recorded stream."""
        return self.streams / f"{disturbance.name}_{seed}.npz"

    def result_path(self, kind: str, disturbance: str, seed: int) -> Path:
        """The figures of one run."""
        return self.figures / kind / f"{disturbance}_{seed}.json"

    def results(self, kind: str, disturbance: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """The figures of all seeds."""
        paths = [self.result_path(kind, disturbance, seed) for seed in seeds]
        return [json.loads(path.read_text()) for path in paths]

    # --- stages: each a list of pieces of work that are still to be done -----------------------

    def stages(self) -> dict[str, list[Callable[[], None]]]:
        """What is to be done, in this order; the pieces of a stage are independent.

        Disturbances of one world are recorded together, and what is alike until they come is run
        once; a piece leaves out what is there already.
        """
        split = self.split
        stages = {"streams": self._recordings()}
        for method in self.methods:
            stages[method] = [
                partial(_run_method, self, method, missing, seed)
                for seed in split.seeds
                for missing in self._missing(by_beginning(split.disturbances), method, seed)
            ]
        if self.with_oracle:
            last = split.seeds[-1]
            stages["oracle"] = [
                partial(_run_oracle, self, item)
                for item in self._changed()
                if not self.result_path("oracle", item.name, last).exists()
            ]
        if self.with_faults:
            stages["erring detectors"] = [
                partial(_run_faults, self, faults, seed)
                for seed in split.seeds
                for faults in SAME_UNTIL_FAULT
                if not all(self.result_path("faults", name, seed).exists() for name in faults)
            ]
        stages["closed loop"] = [
            partial(_drive, self, method, missing, seed)
            for seed in self.closed_loop_seeds
            for method in ("frozen", "both")
            for missing in self._missing(
                by_beginning(split.disturbances), f"closed_loop_{method}", seed
            )
        ]
        return stages

    def _recordings(self) -> list[Callable[[], None]]:
        wanted = [(self.split.disturbances, seed) for seed in self.split.seeds]
        if self.with_oracle:
            wanted += [(self._changed(), seed) for seed in ORACLE_SEEDS]
        pieces = []
        for disturbances, seed in wanted:
            for group in by_world(disturbances):
                missing = [item for item in group if not self.stream_path(item, seed).exists()]
                if missing:
                    pieces.append(partial(_record, self, missing, seed))
        return pieces

    def _changed(self) -> list[Disturbance]:
        return [item for item in self.split.disturbances if item.values]

    def _missing(
        self, groups: Sequence[Sequence[Disturbance]], kind: str, seed: int
    ) -> list[list[Disturbance]]:
        """What is not there yet of each group; none that are complete."""
        parts = [
            [item for item in group if not self.result_path(kind, item.name, seed).exists()]
            for group in groups
        ]
        return [part for part in parts if part]


def _learner(suite: Suite, method: str, seed: int) -> OnlineLearner:
    torch.set_num_threads(1)
    model = suite.model()
    nominal = suite.nominal(model)
    settings = learner_settings(method)
    return OnlineLearner(model.spec, model.params, model.norm, nominal, settings, seed)


def _record(suite: Suite, disturbances: Sequence[Disturbance], seed: int) -> None:
    duration_s = RETURN_S if seed in ORACLE_SEEDS else END_S
    streams = record_streams(disturbances, seed, suite.model(), suite.encoder_path, duration_s)
    suite.streams.mkdir(parents=True, exist_ok=True)
    for disturbance, stream in zip(disturbances, streams, strict=True):
        stream.save(suite.stream_path(disturbance, seed))


def _run_method(suite: Suite, method: str, disturbances: Sequence[Disturbance], seed: int) -> None:
    """Disturbances that are alike until CHANGE_S."""
    run = StreamRun(_learner(suite, method, seed))
    run.advance(Stream.load(suite.stream_path(disturbances[0], seed)), _ticks(CHANGE_S))
    in_branches(partial(_end_run, suite, method, item, seed, run) for item in disturbances)


def _end_run(
    suite: Suite, method: str, disturbance: Disturbance, seed: int, run: StreamRun
) -> None:
    stream = Stream.load(suite.stream_path(disturbance, seed))
    run.advance(stream, len(stream))
    score, trace = _score(suite, stream), run.trace()
    figures = _figures(score, trace.adapted) | _costs(trace, len(stream))
    figures["frozen"] = _figures(score, trace.frozen)
    figures["course"] = _course(score, trace)
    _write(suite.result_path(method, disturbance.name, seed), figures)


def _run_oracle(suite: Suite, disturbance: Disturbance) -> None:
    torch.set_num_threads(1)
    model = suite.model()
    streams = [Stream.load(suite.stream_path(disturbance, seed)) for seed in ORACLE_SEEDS]
    oracle = replace(model, params=train_oracle(model, streams, seed=0))
    for seed in suite.split.seeds:
        stream = Stream.load(suite.stream_path(disturbance, seed))
        said = _outputs(oracle, stream)
        figures = _figures(_score(suite, stream), said)
        _write(suite.result_path("oracle", disturbance.name, seed), figures)


def _run_faults(suite: Suite, faults: Sequence[str], seed: int) -> None:
    """Faults before which the detector says the same."""
    nothing = next(item for item in suite.split.disturbances if item.name == NOTHING)
    stream = Stream.load(suite.stream_path(nothing, seed)).until(_ticks(RETURN_S))
    altered = {name: FAULTS[name](stream, np.random.default_rng(seed)) for name in faults}
    run = StreamRun(_learner(suite, "both", seed))
    if len(faults) > 1:
        run.advance(altered[faults[0]], _ticks(FAULT_S[0]))
    in_branches(
        partial(_end_fault, suite, name, seed, run, stream, altered[name]) for name in faults
    )


def _end_fault(
    suite: Suite, fault: str, seed: int, run: StreamRun, stream: Stream, altered: Stream
) -> None:
    run.advance(altered, len(altered))
    score, trace = _score(suite, stream), run.trace()
    adapted, frozen = (score.position_error_m(said) for said in (trace.adapted, trace.frozen))
    spans = {
        "fault": FAULT_S,
        "recovered": (FAULT_S[1] + RECOVERY_S, RETURN_S),
        "all": (2.0, RETURN_S),
    }
    figures = {}
    for name, (start_s, end_s) in spans.items():
        ticks = slice(_ticks(start_s), _ticks(end_s))
        figures[name] = {"adapted_m": rms(adapted[ticks]), "frozen_m": rms(frozen[ticks])}
    _write(suite.result_path("faults", fault, seed), figures)


def _drive(suite: Suite, method: str, disturbances: Sequence[Disturbance], seed: int) -> None:
    """Disturbances that are alike until CHANGE_S."""
    torch.set_num_threads(1)
    model = suite.model()
    settings = None if method == "frozen" else learner_settings(method)
    drive = Drive(disturbances[0], seed, model, suite.encoder_path, suite.nominal(model), settings)
    drive.advance(CHANGE_S)
    in_branches(partial(_end_drive, suite, method, item, seed, drive) for item in disturbances)


def _end_drive(
    suite: Suite, method: str, disturbance: Disturbance, seed: int, drive: Drive
) -> None:
    drive.meet(disturbance)
    drive.advance(RETURN_S)
    _write(suite.result_path(f"closed_loop_{method}", disturbance.name, seed), drive.counts)


def _ticks(time_s: float) -> int:
    return round(time_s / TICK_S)


def _score(suite: Suite, stream: Stream) -> StreamScore:
    model = suite.model()
    return StreamScore(stream, model.spec, model.norm)


def _figures(score: StreamScore, outputs: np.ndarray) -> dict[str, Any]:
    return {
        "position_rmse_m": by_phase(score.position_error_m(outputs)),
        "joint_velocity_rmse_rad_s": by_phase(score.action_error_rad_s(outputs)),
    }


def _costs(trace: Trace, ticks: int) -> dict[str, Any]:
    duration_s = ticks * TICK_S
    return {
        "engine_share": trace.engine_s / duration_s,
        "training_share": trace.training_s / duration_s,
        "delay_median_s": float(np.median(trace.delay_s)) if len(trace.delay_s) else float("nan"),
        "updates": trace.updates,
        "accepted": trace.accepted,
        "rejected": trace.rejected,
        "rolled_back": trace.rolled_back,
    }


def _course(score: StreamScore, trace: Trace) -> dict[str, list[float]]:
    """Root mean squared error of each second, for the picture."""
    course = {}
    for name, said in (("adapted_m", trace.adapted), ("frozen_m", trace.frozen)):
        error = score.position_error_m(said)
        per_second = round(1.0 / TICK_S)
        seconds = error[: len(error) // per_second * per_second].reshape(-1, per_second)
        course[name] = [rms(row) for row in seconds]
    return course


def _outputs(model: PolicyModel, stream: Stream) -> np.ndarray:
    network = StatefulStream(model.spec.network, model.params)
    return np.array([network.step(row, TICK_S)[0].copy() for row in stream.features])


def _write(path: Path, figures: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(figures).encode())
