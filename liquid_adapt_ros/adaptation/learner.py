"""The engine on a robot: fused states, detections and a planner's commands become labels.

Units, the meaning of the outputs and the delay of the labels are known here; learning is not.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.desired_action import CommandHistory
from liquid_adapt_ros.adaptation.detector_judge import DetectorJudge, JudgedLabel, JudgeLimits
from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_results import Prediction, Update
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.expected_position import BaseMotion, SteadyMotion
from liquid_adapt_ros.adaptation.hindsight import Followed, ObjectTrack, TrackLimits
from liquid_adapt_ros.adaptation.prequential import PrequentialScore
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS
from liquid_adapt_ros.adaptation.windows import NominalSet, Params
from liquid_adapt_ros.lnn.spec import PolicySpec

# Detections and commands are kept this much longer than the horizon, for late ones.
HISTORY_MARGIN_S = 2.0
# Stamps further apart than this belong to different clocks: a detection that far ahead of the
# newest state is refused, a state that far behind it starts a new stream.
CLOCK_TOLERANCE_S = 1.0
# A label is expected from so much of an object's way, of which so many detections are known.
_FOLLOWED_S, _FOLLOWED_DETECTIONS = 0.4, 4
# A velocity says something about the detector where the object has been followed for so long.
_VELOCITY_FROM_S = 0.3


def _engine_settings() -> EngineSettings:
    # Positions are labelled some tenths of a second late: to follow them more often gains nothing.
    # Nor does it to tell errors apart that are smaller than the detector's.
    readout = ReadoutSettings(noise_floor=0.02)
    return EngineSettings(readout=readout, update_period_s=0.05)


@dataclass(frozen=True)
class LearnerSettings:
    """What belongs to a label and a score.

    Attributes:
        command_tolerance_s: how far a planner's command may be from its sample [s].
        saturation: nothing is learned from a state with a feature this far from 0: it is where
            fusion cuts it off, and what lies beyond is not known.
        score_span_s: length of the sliding score [s].
        position_weight, action_weight: how much errors of position and of action count in
            training, in units of their standard deviations.
        track: what one object can do between two detections.
        judge: when the detector is not believed.
        engine: settings of learning.
    """

    command_tolerance_s: float = 0.006
    saturation: float = 10.0
    score_span_s: float = 5.0
    position_weight: float = 1.0
    action_weight: float = 0.1
    track: TrackLimits = field(default_factory=TrackLimits)
    judge: JudgeLimits = field(default_factory=JudgeLimits)
    engine: EngineSettings = field(default_factory=_engine_settings)


@dataclass(frozen=True)
class Predictions:
    """Positions (3,) [m] of the target one horizon ahead, as two networks predict them.

    outputs: all that they said, in their own units.
    """

    adapted: NDArray[np.float64]
    frozen: NDArray[np.float64]
    outputs: Prediction


class OnlineLearner:
    """Gathers what arrives. Stamps are sensor stamps [ns]; not thread-safe.

    Args:
        spec: the policy's sizes.
        params, norm: the shipped model's tensors.
        nominal: what it shall not forget; None: unknown.
        settings: see there.
        seed: decides which windows are replayed.
    """

    def __init__(
        self,
        spec: PolicySpec,
        params: Params,
        norm: Mapping[str, NDArray[np.float32]],
        nominal: NominalSet | None,
        settings: LearnerSettings,
        seed: int = 0,
    ):
        self._spec, self._saturation = spec, settings.saturation
        self._mean = norm["norm.output_mean"].astype(np.float64)
        self._scale = norm["norm.output_scale"].astype(np.float64)
        self._slices = spec.layout.slices()
        outputs = np.arange(spec.outputs)
        places = {name: outputs[part] for name, part in self._slices.items()}
        self._position_outputs, self._base_outputs = places["position"], places["base"]
        self._joint_outputs = np.concatenate([places["joint_velocity"], places["gripper"]])
        weight = np.full(spec.outputs, settings.action_weight)
        weight[self._slices["position"]] = settings.position_weight
        self.engine = AdaptationEngine(
            spec.network, params, nominal, settings.engine, weight, seed
        )
        history_s = spec.horizon_s + HISTORY_MARGIN_S
        self._track = ObjectTrack(settings.track, history_s)
        self._judge = DetectorJudge(settings.judge)
        joints = spec.layout.joint_velocity
        tolerance_s = settings.command_tolerance_s
        self._joint_commands = CommandHistory(joints + 1, tolerance_s, history_s)
        self._base_commands = CommandHistory(spec.layout.base, tolerance_s, history_s)
        self._newest_ns: int | None = None
        # Stamps of samples that wait for a position, for a joint and for a base command.
        capacity = round(history_s / spec.step_s)
        self._unplaced, self._unmoved, self._undriven = (deque(maxlen=capacity) for _ in range(3))
        self._camera_age_s: dict[int, float] = {}  # by the stamp of the sample
        self.score = PrequentialScore(spec.horizon_s, settings.score_span_s)

    @property
    def is_detector_distrusted(self) -> bool:
        """Whether positions are being refused because the detector seems to have slipped."""
        return self._judge.is_distrusting

    def observe_state(
        self, stamp_ns: int, features: ArrayLike, usable: bool, camera_age_s: float = math.nan
    ) -> Predictions:
        """Step both networks with a fused state (F,); `usable`: whether to learn from it.

        camera_age_s: how old the picture in it is [s]; NaN: not known.

        Raises:
            ValueError: wrong length, not finite, or not newer than the newest state.
        """
        newest = self._newest_ns
        if newest is not None and newest - stamp_ns > CLOCK_TOLERANCE_S * NANOSECONDS:
            self.forget()
        features = np.asarray(features, np.float32)
        usable = usable and bool((np.abs(features) < self._saturation).all())
        said = self.engine.observe(stamp_ns, features, usable)
        self._newest_ns = stamp_ns
        adapted, frozen = (self._position(outputs) for outputs in (said.adapted, said.frozen))
        if usable and said.finite:
            for waiting in (self._unplaced, self._unmoved, self._undriven):
                waiting.append(stamp_ns)
            self._camera_age_s[stamp_ns] = camera_age_s
            if len(self._camera_age_s) > self._unplaced.maxlen:
                del self._camera_age_s[next(iter(self._camera_age_s))]
            self.score.predict_frozen(stamp_ns, frozen)
        return Predictions(adapted, frozen, said)

    def observe_prediction(self, stamp_ns: int, position: ArrayLike) -> None:
        """Note the position (3,) [m] that was published for the state at `stamp_ns`.

        Raises:
            ValueError: not three finite coordinates.
        """
        self.score.predict_adapted(stamp_ns, position)

    def observe_object(self, stamp_ns: int, position: ArrayLike) -> None:
        """Take a detection (3,) of the target in the base frame [m], and what it settles.

        Raises:
            ValueError: not three finite coordinates, not newer, or ahead of the states.
        """
        if not self._has_begun(stamp_ns):
            return
        self._track.observe(stamp_ns, position)
        horizon_ns = round(self._spec.horizon_s * NANOSECONDS)
        settled = _taken_until(self._unplaced, self._track.settled_ns - horizon_ns)
        labels = self._track.labels(settled, self._spec.horizon_s)
        followed = self._track.newest(_FOLLOWED_S)
        motion = self._motion_of(followed) if followed is not None else None
        known = np.flatnonzero(labels.known)
        judged = self._judged(
            [settled[index] for index in known],
            labels.track[known].tolist(),
            labels.position[known],
            followed.track if followed is not None else None,
            motion,
        )
        believed = [passed for label in judged for passed in self._judge.take(label)]
        if believed:
            stamps, positions = zip(
                *((item.stamp_ns, item.position) for item in believed), strict=True
            )
            self._label(stamps, self._position_outputs, np.array(positions))
        self._expect(followed, motion)
        self.score.settle(self._track)

    def observe_joint_command(
        self, stamp_ns: int, joint_velocity: ArrayLike, gripper: float
    ) -> None:
        """Take the planner's joint velocities (joints,) [rad/s] and suction; NaN: left open.

        Raises:
            ValueError: wrong number, infinite, not newer, or ahead of the states.
        """
        if not self._has_begun(stamp_ns):
            return
        self._joint_commands.observe(stamp_ns, [*joint_velocity, gripper])

    def observe_base_command(self, stamp_ns: int, linear_m_s: float, angular_rad_s: float) -> None:
        """Take the planner's base velocity.

        Raises:
            ValueError: infinite, not newer, or ahead of the states.
        """
        if not self._has_begun(stamp_ns):
            return
        self._base_commands.observe(stamp_ns, [linear_m_s, angular_rad_s])

    def update(self) -> Update | None:
        """Let the readout follow what is known by now, if it is time to; as of the engine."""
        if self.engine.is_due:
            for waiting, commands, outputs in (
                (self._unmoved, self._joint_commands, self._joint_outputs),
                (self._undriven, self._base_commands, self._base_outputs),
            ):
                settled_ns = commands.settled_ns
                if settled_ns is not None:
                    stamps = _taken_until(waiting, settled_ns)
                    self._label(stamps, outputs, commands.at(stamps))
        return self.engine.update()

    def forget(self) -> None:
        """Start over, as after a jump of the clock; weights and total score stay."""
        self._newest_ns = None
        self.engine.forget_stream()
        for history in (self._track, self._judge, self._joint_commands, self._base_commands):
            history.clear()
        for waiting in (self._unplaced, self._unmoved, self._undriven):
            waiting.clear()
        self._camera_age_s.clear()
        self.score.forget_recent()

    def _has_begun(self, stamp_ns: int) -> bool:
        if self._newest_ns is None:
            return False
        lead_s = (stamp_ns - self._newest_ns) / NANOSECONDS
        if lead_s > CLOCK_TOLERANCE_S:
            raise ValueError(f"its stamp is {lead_s:.3f} s ahead of the newest fused_state")
        return True

    def _position(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        part = self._slices["position"]
        return self._mean[part] + self._scale[part] * outputs[part]

    def _judged(
        self,
        stamps_ns: Sequence[int],
        tracks: Sequence[int],
        positions: NDArray[np.float64],
        followed: int | None,
        motion: SteadyMotion | None,
    ) -> list[JudgedLabel]:
        """Labels (N, 3) [m] of samples with these stamps and of objects of these tracks; of one of
        the tracks, the motion may be known."""
        part = self._position_outputs
        said = self.engine.predictions_at(stamps_ns)[..., part]
        said = self._mean[part] + self._scale[part] * said
        unclear = np.full(3, np.nan)
        is_clear = motion is not None and motion.span_s > _VELOCITY_FROM_S
        return [
            JudgedLabel(
                stamp_ns,
                track,
                position,
                adapted,
                frozen,
                motion.velocity if is_clear and track == followed else unclear,
                self._camera_age_s.get(stamp_ns, math.nan),
            )
            for stamp_ns, track, position, (adapted, frozen) in zip(
                stamps_ns, tracks, positions, said, strict=True
            )
        ]

    def _motion_of(self, followed: Followed) -> SteadyMotion | None:
        """How an object moves, in time since its newest detection; None while that is unclear."""
        if len(followed.stamps_ns) < _FOLLOWED_DETECTIONS:
            return None
        newest_ns = followed.stamps_ns[-1]
        # From earlier on: what holds at the first detection was commanded before it.
        since_ns = int(followed.stamps_ns[0]) - round(_FOLLOWED_S * NANOSECONDS)
        commands_ns, twist = self._base_commands.newest(since_ns)
        base = None
        if len(commands_ns):
            commands_s = (commands_ns - newest_ns) / NANOSECONDS
            base = BaseMotion(commands_s, twist, followed.positions[-1])
        stamps_s = (followed.stamps_ns - newest_ns) / NANOSECONDS
        return SteadyMotion.fit(stamps_s, followed.positions, base)

    def _expect(self, followed: Followed | None, motion: SteadyMotion | None) -> None:
        """Tell the engine what the labels of the newest samples are likely to be."""
        waiting, positions = [], np.empty((0, 3))
        if motion is not None:
            seen_ns = followed.begun_ns + round(self._track.limits.seen_before_s * NANOSECONDS)
            newest_ns = int(followed.stamps_ns[-1])
            waiting = [stamp for stamp in self._unplaced if seen_ns <= stamp <= newest_ns]
            ages_s = (np.array(waiting, np.int64) - newest_ns) / NANOSECONDS
            positions = motion.at(ages_s + self._spec.horizon_s)
            if waiting and not self._will_believe(followed.track, waiting, positions, motion):
                waiting, positions = [], np.empty((0, 3))
        part = self._position_outputs
        target = np.full((len(waiting), self._spec.outputs), np.nan)
        target[:, part] = (positions - self._mean[part]) / self._scale[part]
        self.engine.expect(waiting, target)

    def _will_believe(
        self,
        track: int,
        stamps_ns: Sequence[int],
        positions: NDArray[np.float64],
        motion: SteadyMotion,
    ) -> bool:
        verdict = self._judge.verdict(track)
        if verdict is not None:
            return verdict
        tracks = [track] * len(stamps_ns)
        labels = self._judged(stamps_ns, tracks, positions, track, motion)
        return self._judge.would_believe(labels)

    def _label(
        self, stamps_ns: Sequence[int], part: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        """Give the engine labels of some of the outputs, in physical units (N, size)."""
        target = np.full((len(values), self._spec.outputs), np.nan)
        target[:, part] = (values - self._mean[part]) / self._scale[part]
        self.engine.label_all(stamps_ns, target)


def _taken_until(waiting: deque[int], stamp_ns: int) -> list[int]:
    """Take the stamps up to one from the front of a queue."""
    taken = []
    while waiting and waiting[0] <= stamp_ns:
        taken.append(waiting.popleft())
    return taken
