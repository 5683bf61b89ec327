"""Time of one call of what runs on the robot: the encoder and the engines of the core."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.lnn.stateful_stream import Step
from liquid_adapt_ros.lnn.streaming import StreamingStep
from liquid_adapt_ros.runtime.onnx_step import ExportedStep
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.tools.pretrain.export import random_inputs

ENCODER_CALLS, STEP_CALLS = 50, 5000


@dataclass(frozen=True)
class CallTime:
    """Median and 99th percentile of a call [us]."""

    name: str
    p50_us: float
    p99_us: float


def encoder_time(path: Path) -> CallTime:
    """One picture through ONNX Runtime on the CPU."""
    encoder = OnnxEncoder(path)
    image, points = (part[0] for part in random_inputs(1, seed=0))
    return _timed("encoder, ONNX Runtime", lambda: encoder.encode(image, points), ENCODER_CALLS)


def step_times(model: PolicyModel, core_file: Path | None) -> list[CallTime]:
    """One step by the compiled core and, where its file is given, by ONNX Runtime."""
    spec = model.spec
    engines: dict[str, Step] = {
        "core and head, compiled": StreamingStep(spec.network, model.params)
    }
    if core_file is not None:
        exported = ExportedStep(core_file, spec, model.fingerprint)
        engines["core and head, ONNX Runtime"] = exported.with_weights(model.params)
    state = np.zeros(spec.hidden, np.float32)
    features = np.random.default_rng(0).standard_normal(spec.features).astype(np.float32)
    return [
        _timed(name, lambda step=step: step(state, features, spec.step_s, 1), STEP_CALLS)
        for name, step in engines.items()
    ]


def _timed(name: str, call: Callable[[], object], calls: int) -> CallTime:
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    # The first tenth warms up.
    p50, p99 = np.percentile(times[calls // 10 :], (50, 99))
    return CallTime(name, 1e6 * float(p50), 1e6 * float(p99))
