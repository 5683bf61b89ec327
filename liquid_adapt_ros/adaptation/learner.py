"""What the trainer knows of the running robot: the stream, its labels, and the live score.

The learner turns observations into labelled windows; training on them and passing on the result
are others' business, so that they can happen in another thread.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.desired_action import CommandHistory
from liquid_adapt_ros.adaptation.hindsight import ObjectTrack, TrackLimits
from liquid_adapt_ros.adaptation.prequential import PrequentialScore
from liquid_adapt_ros.adaptation.trainer import LabelledWindow
from liquid_adapt_ros.adaptation.window import NANOSECONDS, SlidingWindow, Window
from liquid_adapt_ros.lnn.spec import PolicySpec

# Detections and commands are kept this much longer than window and horizon, for late ones.
HISTORY_MARGIN_S = 1.0
# Stamps further apart than this belong to different clocks: a detection that far ahead of the
# newest state is refused, a state that far behind it starts a new stream.
CLOCK_TOLERANCE_S = 1.0


class Output(Protocol):
    """What the learner reads of a network's answer: position (3,) [m], and whether finite."""

    position: NDArray[np.float32]
    finite: bool


class Engine(Protocol):
    """A network that is stepped sample by sample; runtime.engine.StreamingPolicy is one."""

    hidden_state: NDArray[np.float32]

    def step(self, features: NDArray[np.float32], dt_s: float) -> Output: ...

    def swap(self, params: Mapping[str, NDArray[np.float32]]) -> None: ...

    def reset(self) -> None: ...


class NotReady(Exception):
    """There is nothing to train on yet; the text is the reason."""


@dataclass(frozen=True)
class LearnerSettings:
    """What belongs to a window, a label and a score.

    Attributes:
        window_s: length of the window [s].
        max_gap_s: longest time between two samples of one window [s]; the trainer makes one
            solver step of it.
        min_labelled_samples: samples with a known position that a window needs.
        command_tolerance_s: how far a planner's command may be from its sample [s].
        score_span_s: length of the sliding score [s].
        track: what one object can do between two detections.
    """

    window_s: float = 2.0
    max_gap_s: float = 0.025
    min_labelled_samples: int = 25
    command_tolerance_s: float = 0.006
    score_span_s: float = 5.0
    track: TrackLimits = field(default_factory=TrackLimits)


class OnlineLearner:
    """Gathers what arrives. Stamps are sensor stamps [ns]; not thread-safe.

    Args:
        spec: the policy's sizes.
        norm: its fixed tensors.
        adapted: a network that gets the weights that fly; its states start the windows.
        frozen: a network that keeps the shipped weights: the baseline of the score.
        settings: what belongs to a window, a label and a score.

    Raises:
        ValueError: max_gap_s is too long for one stable step of the solver.
    """

    def __init__(
        self,
        spec: PolicySpec,
        norm: Mapping[str, NDArray[np.float32]],
        adapted: Engine,
        frozen: Engine,
        settings: LearnerSettings,
    ):
        self._spec = spec
        self._norm = norm
        self._adapted = adapted
        self._frozen = frozen
        self._settings = settings
        self._newest_ns: int | None = None
        spec.network.check_step(settings.max_gap_s)
        capacity = max(1, round(settings.window_s / spec.step_s))
        self._window = SlidingWindow(capacity, spec.features, spec.hidden, settings.max_gap_s)
        history_s = settings.window_s + spec.horizon_s + HISTORY_MARGIN_S
        self._track = ObjectTrack(settings.track, history_s)
        joints = spec.layout.joint_velocity
        tolerance_s = settings.command_tolerance_s
        self._joint_commands = CommandHistory(joints + 1, tolerance_s, history_s)
        self._base_commands = CommandHistory(spec.layout.base, tolerance_s, history_s)
        self.score = PrequentialScore(spec.horizon_s, settings.score_span_s)

    def observe_state(self, stamp_ns: int, features: ArrayLike, usable: bool) -> None:
        """Step both networks with a fused state (F,); `usable`: whether to learn from it.

        Raises:
            ValueError: wrong length, not finite, or not newer than the newest state.
        """
        values = np.asarray(features, np.float32)
        if values.shape != (self._spec.features,):
            raise ValueError(f"{values.size} features, expected {self._spec.features}")
        if not np.isfinite(values).all():
            raise ValueError("features are not finite")
        dt_s = self._step_to(stamp_ns)
        hidden_state = self._adapted.hidden_state
        adapted = self._adapted.step(values, dt_s)
        frozen = self._frozen.step(values, dt_s)
        if dt_s <= self._settings.max_gap_s:
            self._window.append(stamp_ns, dt_s, values, usable and adapted.finite, hidden_state)
        else:
            self._window.clear()  # the next sample starts a new one
        if usable and frozen.finite:
            self.score.predict_frozen(stamp_ns, frozen.position)

    def observe_prediction(self, stamp_ns: int, position: ArrayLike) -> None:
        """Note the position (3,) [m] that was published for the state at `stamp_ns`.

        Raises:
            ValueError: not three finite coordinates.
        """
        self.score.predict_adapted(stamp_ns, position)

    def observe_object(self, stamp_ns: int, position: ArrayLike) -> None:
        """Take a detection (3,) of the target in the base frame [m], and score what it settles.

        Raises:
            ValueError: not three finite coordinates, not newer, or ahead of the states.
        """
        if self._has_begun(stamp_ns):
            self._track.observe(stamp_ns, position)
            self.score.settle(self._track)

    def observe_joint_command(
        self, stamp_ns: int, joint_velocity: ArrayLike, gripper: float
    ) -> None:
        """Take the planner's joint velocities (joints,) [rad/s] and suction; NaN: left open.

        Raises:
            ValueError: wrong number, infinite, not newer, or ahead of the states.
        """
        if self._has_begun(stamp_ns):
            self._joint_commands.observe(stamp_ns, np.append(joint_velocity, gripper))

    def observe_base_command(self, stamp_ns: int, linear_m_s: float, angular_rad_s: float) -> None:
        """Take the planner's base velocity.

        Raises:
            ValueError: infinite, not newer, or ahead of the states.
        """
        if self._has_begun(stamp_ns):
            self._base_commands.observe(stamp_ns, [linear_m_s, angular_rad_s])

    def labelled_window(self) -> LabelledWindow:
        """The window up to its newest sample with a known position.

        Raises:
            NotReady: too few samples of the window have a known position.
        """
        if len(self._window) == 0:
            raise NotReady("no fused_state yet")
        window = self._window.snapshot()
        position = self._track.labels(window.stamps_ns, self._spec.horizon_s).position
        position[~window.usable] = np.nan
        known = np.flatnonzero(~np.isnan(position[:, 0]))
        needed = self._settings.min_labelled_samples
        if len(known) < needed:
            raise NotReady(f"{len(known)} samples of the window have a label, {needed} are needed")
        length = int(known[-1]) + 1
        return LabelledWindow(
            features=window.features[:length],
            dt_s=window.dt_s[:length],
            initial_hidden_state=window.initial_hidden_state,
            target=self._targets(window, position)[:length],
        )

    def fly(self, params: Mapping[str, NDArray[np.float32]]) -> None:
        """The robot runs these weights from the next state on."""
        self._adapted.swap(params)

    def forget(self) -> None:
        """Start over, as after a jump of the clock; weights and total score stay."""
        self._newest_ns = None
        self._adapted.reset()
        self._frozen.reset()
        for history in (self._window, self._track, self._joint_commands, self._base_commands):
            history.clear()
        self.score.forget_recent()

    def _step_to(self, stamp_ns: int) -> float:
        if self._newest_ns is None:
            dt_s = self._spec.step_s
        else:
            dt_s = (stamp_ns - self._newest_ns) / NANOSECONDS
        if dt_s < -CLOCK_TOLERANCE_S:
            self.forget()
            dt_s = self._spec.step_s
        if dt_s <= 0.0:
            raise ValueError(f"the stamp of fused_state went back by {-dt_s:.3f} s")
        self._newest_ns = stamp_ns
        return dt_s

    def _has_begun(self, stamp_ns: int) -> bool:
        if self._newest_ns is None:
            return False
        lead_s = (stamp_ns - self._newest_ns) / NANOSECONDS
        if lead_s > CLOCK_TOLERANCE_S:
            raise ValueError(f"its stamp is {lead_s:.3f} s ahead of the newest fused_state")
        return True

    def _targets(self, window: Window, position: NDArray[np.float64]) -> NDArray[np.float32]:
        slices = self._spec.layout.slices()
        joints = self._joint_commands.at(window.stamps_ns)
        targets = np.empty((len(window), self._spec.outputs))
        targets[:, slices["joint_velocity"]] = joints[:, :-1]
        targets[:, slices["gripper"]] = joints[:, -1:]
        targets[:, slices["base"]] = self._base_commands.at(window.stamps_ns)
        targets[~window.usable] = np.nan
        targets[:, slices["position"]] = position
        normalised = (targets - self._norm["norm.output_mean"]) / self._norm["norm.output_scale"]
        return normalised.astype(np.float32)
