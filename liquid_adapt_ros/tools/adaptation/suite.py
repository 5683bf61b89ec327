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
from liquid_adapt_ros.tools.adaptation.closed_loop import drive
from liquid_adapt_ros.tools.adaptation.disturbances import (
    END_S,
    RETURN_S,
    Disturbance,
    Split,
)
from liquid_adapt_ros.tools.adaptation.hostile import FAULT_S, FAULTS
from liquid_adapt_ros.tools.adaptation.methods import learner_settings
from liquid_adapt_ros.tools.adaptation.oracle import train_oracle
from liquid_adapt_ros.tools.adaptation.run_stream import Trace, run_stream
from liquid_adapt_ros.tools.adaptation.scores import StreamScore, by_phase, rms
from liquid_adapt_ros.tools.adaptation.streams import Stream, record_stream
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
        """What is to be done, in this order; the pieces of a stage are independent."""
        pairs = [(item, seed) for item in self.split.disturbances for seed in self.split.seeds]
        recordings = list(pairs)
        if self.with_oracle:
            changed = [item for item in self.split.disturbances if item.values]
            recordings += [(item, seed) for item in changed for seed in ORACLE_SEEDS]
        stages = {
            "streams": [
                (self.stream_path(item, seed), partial(_record, self, item, seed))
                for item, seed in recordings
            ]
        }
        for method in self.methods:
            stages[method] = [
                (
                    self.result_path(method, item.name, seed),
                    partial(_run_method, self, method, item, seed),
                )
                for item, seed in pairs
            ]
        if self.with_oracle:
            stages["oracle"] = [
                (
                    self.result_path("oracle", item.name, self.split.seeds[-1]),
                    partial(_run_oracle, self, item),
                )
                for item in changed
            ]
        if self.with_faults:
            stages["erring detectors"] = [
                (self.result_path("faults", fault, seed), partial(_run_fault, self, fault, seed))
                for fault in FAULTS
                for seed in self.split.seeds
            ]
        stages["closed loop"] = [
            (
                self.result_path(f"closed_loop_{method}", item.name, seed),
                partial(_drive, self, method, item, seed),
            )
            for item in self.split.disturbances
            for seed in self.closed_loop_seeds
            for method in ("frozen", "both")
        ]
        return {
            name: [work for path, work in pieces if not path.exists()]
            for name, pieces in stages.items()
        }


def _learner(suite: Suite, method: str, seed: int) -> OnlineLearner:
    torch.set_num_threads(1)
    model = suite.model()
    nominal = suite.nominal(model)
    settings = learner_settings(method)
    return OnlineLearner(model.spec, model.params, model.norm, nominal, settings, seed)


def _record(suite: Suite, disturbance: Disturbance, seed: int) -> None:
    duration_s = RETURN_S if seed in ORACLE_SEEDS else END_S
    path = suite.stream_path(disturbance, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = record_stream(disturbance, seed, suite.model(), suite.encoder_path, duration_s)
    stream.save(path)


def _run_method(suite: Suite, method: str, disturbance: Disturbance, seed: int) -> None:
    stream = Stream.load(suite.stream_path(disturbance, seed))
    score = _score(suite, stream)
    trace = run_stream(stream, _learner(suite, method, seed))
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


def _run_fault(suite: Suite, fault: str, seed: int) -> None:
    nothing = next(item for item in suite.split.disturbances if item.name == NOTHING)
    stream = Stream.load(suite.stream_path(nothing, seed))
    score = _score(suite, stream)
    altered = FAULTS[fault](stream, np.random.default_rng(seed))
    trace = run_stream(altered, _learner(suite, "both", seed))
    adapted, frozen = (score.position_error_m(said) for said in (trace.adapted, trace.frozen))
    spans = {
        "fault": FAULT_S,
        "recovered": (FAULT_S[1] + RECOVERY_S, RETURN_S),
        "all": (2.0, RETURN_S),
    }
    figures = {}
    for name, (start_s, end_s) in spans.items():
        ticks = slice(round(start_s / TICK_S), round(end_s / TICK_S))
        figures[name] = {"adapted_m": rms(adapted[ticks]), "frozen_m": rms(frozen[ticks])}
    _write(suite.result_path("faults", fault, seed), figures)


def _drive(suite: Suite, method: str, disturbance: Disturbance, seed: int) -> None:
    torch.set_num_threads(1)
    model = suite.model()
    settings = None if method == "frozen" else learner_settings(method)
    nominal = suite.nominal(model)
    figures = drive(disturbance, seed, model, suite.encoder_path, nominal, settings)
    _write(suite.result_path(f"closed_loop_{method}", disturbance.name, seed), figures)


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
