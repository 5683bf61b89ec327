"""One learner on one recorded stream, event by event, as the trainer node would get it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.learner import OnlineLearner
from liquid_adapt_ros.adaptation.training_job import NotReady
from liquid_adapt_ros.tools.adaptation.streams import Stream
from liquid_adapt_ros.tools.in_process_fusion import TICK_S

TRAINING_PERIOD_S = 0.5


@dataclass(frozen=True)
class Trace:
    """What a learner said over T ticks.

    Attributes:
        adapted: (T, O) outputs of the adapted network, in its own units.
        frozen: (T, O) outputs of the frozen network.
        engine_s, training_s: processor time of everything and of training the network, in all
            [s]; of this thread, so that what runs beside it does not count.
        delay_s: (L,) time from a detection to the first sample that its labels had changed the
            weights of [s].
        updates, accepted, rejected, rolled_back: how often.
    """

    adapted: NDArray[np.float32]
    frozen: NDArray[np.float32]
    engine_s: float
    training_s: float
    delay_s: NDArray[np.float32]
    updates: int
    accepted: int
    rejected: int
    rolled_back: int


def run_stream(
    stream: Stream, learner: OnlineLearner, training_period_s: float = TRAINING_PERIOD_S
) -> Trace:
    """Let the learner watch and learn; what it says to a sample is said before its label."""
    engine = learner.engine
    adapted, frozen = [], []
    updates, waiting, delays = 0, [], []
    begun_s, training_s = time.thread_time(), 0.0
    training_ticks = round(training_period_s / TICK_S)
    detections = _by_tick(stream)
    for tick, stamp_ns in enumerate(stream.stamp_ns.tolist()):
        said = learner.observe_state(
            stamp_ns,
            stream.features[tick],
            bool(stream.usable[tick]),
            float(stream.camera_age_s[tick]),
        )
        adapted.append(said.outputs.adapted.astype(np.float32))
        frozen.append(said.outputs.frozen.astype(np.float32))
        action = stream.action[tick]
        learner.observe_joint_command(stamp_ns, action[:6], action[8])
        learner.observe_base_command(stamp_ns, action[6], action[7])
        for detected_ns, position in detections.get(tick, ()):
            learner.observe_object(detected_ns, position)
            waiting.append(tick)
        changed = learner.update() is not None
        if engine.settings.training is not None and tick % training_ticks == training_ticks - 1:
            training_begun_s = time.thread_time()
            changed |= train(engine)
            training_s += time.thread_time() - training_begun_s
        if changed:
            updates += 1
            delays += [(tick + 1 - since) * TICK_S for since in waiting]
            waiting.clear()
    engine_s = time.thread_time() - begun_s
    counts = engine.counts
    return Trace(
        adapted=np.array(adapted),
        frozen=np.array(frozen),
        engine_s=engine_s,
        training_s=training_s,
        delay_s=np.array(delays, np.float32),
        updates=updates,
        accepted=counts.accepted,
        rejected=counts.rejected,
        rolled_back=counts.rolled_back,
    )


def train(engine: AdaptationEngine) -> bool:
    """One training step, if there is something to train on; returns whether weights changed."""
    try:
        job = engine.training_job()
    except NotReady:
        return False
    return engine.finish(job, job.run()) is not None


def _by_tick(stream: Stream) -> dict[int, list[tuple[int, NDArray[np.float32]]]]:
    found: dict[int, list] = {}
    rows: Iterator = zip(
        stream.detection_tick.tolist(),
        stream.detection_stamp_ns.tolist(),
        stream.detection,
        strict=True,
    )
    for tick, stamp_ns, position in rows:
        found.setdefault(tick, []).append((stamp_ns, position))
    return found
