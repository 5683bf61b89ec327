"""Detectors that err: the same stream with other detections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.tools.adaptation.streams import Stream

# A fault holds in these seconds; outliers come all the time.
FAULT_S = (40.0, 45.0)
OUTLIER_SHARE, OUTLIER_M = 0.1, 0.3
LIE_M = (0.03, -0.04, 0.0)


def outliers(stream: Stream, rng: np.random.Generator) -> Stream:
    """One detection in ten is somewhere else."""
    count = len(stream.detection)
    wrong = rng.random(count) < OUTLIER_SHARE
    thrown = stream.detection + OUTLIER_M * rng.standard_normal((count, 3)).astype(np.float32)
    return replace(stream, detection=np.where(wrong[:, None], thrown, stream.detection))


def freeze(stream: Stream, rng: np.random.Generator) -> Stream:
    """The detector goes on saying where the object was when it froze."""
    held = _in_fault(stream)
    detection = stream.detection.copy()
    detection[held] = detection[np.flatnonzero(held)[0]]
    return replace(stream, detection=detection)


def drop(stream: Stream, rng: np.random.Generator) -> Stream:
    """The detector says nothing."""
    kept = ~_in_fault(stream)
    return replace(
        stream,
        detection=stream.detection[kept],
        detection_stamp_ns=stream.detection_stamp_ns[kept],
        detection_tick=stream.detection_tick[kept],
    )


def lie(stream: Stream, rng: np.random.Generator) -> Stream:
    """The detector is off by 5 cm."""
    shift = np.where(_in_fault(stream)[:, None], np.float32(LIE_M), np.float32(0.0))
    return replace(stream, detection=stream.detection + shift)


FAULTS: dict[str, Callable[[Stream, np.random.Generator], Stream]] = {
    "outliers": outliers,
    "freeze": freeze,
    "drop": drop,
    "lie": lie,
}
# The detector says the same in all of these until the fault begins.
SAME_UNTIL_FAULT = (("outliers",), ("freeze", "drop", "lie"))


def _in_fault(stream: Stream) -> np.ndarray:
    since_start_s = (stream.detection_stamp_ns - stream.stamp_ns[0]) / NANOSECONDS
    return (since_start_s >= FAULT_S[0]) & (since_start_s < FAULT_S[1])
