"""One learner on one recorded stream, event by event, as the trainer node would get it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

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


class StreamRun:
    """A learner that watches a stream and learns; what it says to a sample is said before its
    label.

    Attributes:
        tick: how many ticks have passed.
    """

    def __init__(self, learner: OnlineLearner, training_period_s: float = TRAINING_PERIOD_S):
        self.tick = 0
        self._seen: Stream | None = None
        self._learner = learner
        self._training_ticks = round(training_period_s / TICK_S)
        self._adapted: list[NDArray[np.float32]] = []
        self._frozen: list[NDArray[np.float32]] = []
        self._updates, self._waiting, self._delays = 0, [], []
        self._engine_s = self._training_s = 0.0

    def advance(self, stream: Stream, until: int) -> None:
        """Go on with a stream up to a tick.

        Raises ValueError where it is not what it has been so far.
        """
        if self._seen is not None and not _begins_alike(self._seen, stream):
            raise ValueError(f"the stream differs from what it was before tick {self.tick}")
        self._seen = stream.until(until)
        begun_s = time.thread_time()
        detections = _by_tick(stream)
        for tick in range(self.tick, until):
            self._take(stream, tick, detections.get(tick, ()))
        self.tick = until
        self._engine_s += time.thread_time() - begun_s

    def trace(self) -> Trace:
        """What was said and done so far."""
        counts = self._learner.engine.counts
        return Trace(
            adapted=np.array(self._adapted),
            frozen=np.array(self._frozen),
            engine_s=self._engine_s,
            training_s=self._training_s,
            delay_s=np.array(self._delays, np.float32),
            updates=self._updates,
            accepted=counts.accepted,
            rejected=counts.rejected,
            rolled_back=counts.rolled_back,
        )

    def _take(
        self, stream: Stream, tick: int, detections: Sequence[tuple[int, NDArray[np.float32]]]
    ) -> None:
        learner, stamp_ns = self._learner, int(stream.stamp_ns[tick])
        said = learner.observe_state(
            stamp_ns,
            stream.features[tick],
            bool(stream.usable[tick]),
            float(stream.camera_age_s[tick]),
        )
        self._adapted.append(said.outputs.adapted.astype(np.float32))
        self._frozen.append(said.outputs.frozen.astype(np.float32))
        action = stream.action[tick]
        learner.observe_joint_command(stamp_ns, action[:6], action[8])
        learner.observe_base_command(stamp_ns, action[6], action[7])
        for detected_ns, position in detections:
            learner.observe_object(detected_ns, position)
            self._waiting.append(tick)
        changed = learner.update() is not None
        engine = learner.engine
        if engine.settings.training is not None and (tick + 1) % self._training_ticks == 0:
            training_begun_s = time.thread_time()
            changed |= train(engine)
            self._training_s += time.thread_time() - training_begun_s
        if changed:
            self._updates += 1
            self._delays += [(tick + 1 - since) * TICK_S for since in self._waiting]
            self._waiting.clear()


def run_stream(
    stream: Stream, learner: OnlineLearner, training_period_s: float = TRAINING_PERIOD_S
) -> Trace:
    """Let the learner watch the whole stream."""
    run = StreamRun(learner, training_period_s)
    run.advance(stream, len(stream))
    return run.trace()


def train(engine: AdaptationEngine) -> bool:
    """One training step, if there is something to train on; returns whether weights changed."""
    try:
        job = engine.training_job()
    except NotReady:
        return False
    return engine.finish(job, job.run()) is not None


def _begins_alike(seen: Stream, stream: Stream) -> bool:
    begins = stream.until(len(seen))
    return all(
        np.array_equal(getattr(seen, item.name), getattr(begins, item.name), equal_nan=True)
        for item in fields(Stream)
    )


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
