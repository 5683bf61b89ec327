import dataclasses

import numpy as np
import pytest
from synthetic_belt import CENTRE, SPEC, STEP_NS, Tick, belt, fitted_model

from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.learner import LearnerSettings, OnlineLearner
from liquid_adapt_ros.adaptation.training_job import NotReady
from liquid_adapt_ros.runtime.engine import StreamingPolicy

MODEL = fitted_model()
SLICES = SPEC.layout.slices()


class Robot:
    """A learner beside a network that flies, without messages."""

    def __init__(self, **engine) -> None:
        settings = LearnerSettings(engine=EngineSettings(**engine))
        self.learner = OnlineLearner(SPEC, MODEL.params, MODEL.norm, None, settings)
        self.flying = StreamingPolicy(SPEC, MODEL.params, MODEL.norm)
        self.params = dict(MODEL.params)

    def live(
        self, tick: Tick, usable: bool = True, learn: bool = True, camera_age_s: float = np.nan
    ) -> None:
        self.learner.observe_state(tick.stamp_ns, tick.features, usable, camera_age_s)
        said = self.flying.step(tick.features, SPEC.step_s)
        self.learner.observe_prediction(tick.stamp_ns, said.position)
        if tick.detection is not None:
            self.learner.observe_object(*tick.detection)
        if learn:
            self.fly(self.learner.update())

    def train(self) -> None:
        try:
            job = self.learner.engine.training_job()
        except NotReady:
            return
        self.fly(self.learner.engine.finish(job, job.run()))

    def fly(self, update) -> None:
        if update is not None:
            self.params |= update.tensors
            self.flying.swap(self.params)


def test_labels_are_expected_as_they_come():
    robot, expected = Robot(training=None), {}
    expect = robot.learner.engine.expect

    def note(stamps_ns, targets):
        # The oldest expectation of a sample looks furthest ahead.
        for stamp_ns, target in zip(stamps_ns, targets, strict=True):
            expected.setdefault(stamp_ns, target[SLICES["position"]])
        expect(stamps_ns, targets)

    robot.learner.engine.expect = note
    for tick in belt(10.0, seed=9):
        robot.live(tick)
    ring = robot.learner.engine._ring
    came = {int(s): t[SLICES["position"]] for s, t in zip(ring.stamp_ns, ring.target, strict=True)}
    pairs = [
        (expected[stamp_ns], target)
        for stamp_ns, target in came.items()
        if stamp_ns in expected and np.isfinite(target).all()
    ]
    assert len(pairs) > 500
    off = np.diff(np.array(pairs), axis=1)[:, 0] * MODEL.norm["norm.output_scale"][-3:]
    # Detector noise, amplified by looking up to 0.3 s ahead of 0.4 s of detections.
    assert np.sqrt(np.mean(np.square(off))) < 0.01


def known_targets(robot: Robot) -> np.ndarray:
    """What was learned of each sample kept, in physical units (N, O)."""
    target = robot.learner.engine._ring.target
    return MODEL.norm["norm.output_mean"] + MODEL.norm["norm.output_scale"] * target


@pytest.mark.parametrize("trained", [False, True], ids=["readout", "both"])
def test_adapted_error_falls_after_a_shift(trained):
    robot = Robot(**({} if trained else {"training": None}))
    gains = {}
    # For 6 s it could be the detector that has slipped.
    for tick in belt(40.0, seed=5, shift_from_s=10.0):
        robot.live(tick)
        second, rest = divmod(tick.stamp_ns + STEP_NS, 1_000_000_000)
        if trained and rest % 500_000_000 == 0:
            robot.train()
        if rest == 0:
            gains[second] = robot.learner.score.sliding()
    assert gains[10].adapted_rmse_m < 1.05 * gains[10].frozen_rmse_m
    assert gains[40].frozen_rmse_m > 3.0 * gains[10].frozen_rmse_m
    assert gains[40].gain_percent > 60.0


@pytest.mark.parametrize("later_s", [0.15, 0.0])
def test_pictures_that_come_later_excuse_what_looks_like_a_detector_that_slips(later_s):
    robot, distrusted = Robot(training=None), False
    for tick in belt(16.0, seed=5, shift_from_s=10.0):
        age_s = 0.03 + later_s * (tick.stamp_ns >= 10_000_000_000)
        robot.live(tick, camera_age_s=age_s)
        distrusted |= robot.learner.is_detector_distrusted
    assert distrusted == (later_s == 0.0)


def test_learner_says_what_the_flying_network_says():
    robot = Robot(training=None)
    for tick in belt(6.0, seed=5, shift_from_s=2.0):
        said = robot.learner.observe_state(tick.stamp_ns, tick.features, True)
        flown = robot.flying.step(tick.features, SPEC.step_s)
        np.testing.assert_allclose(said.adapted, flown.position, atol=1e-4)
        if tick.detection is not None:
            robot.learner.observe_object(*tick.detection)
        robot.fly(robot.learner.update())


def test_labels_are_normalised_and_commands_belong_to_their_sample():
    robot = Robot()
    velocity = np.arange(6.0)
    for tick in belt(2.0, seed=5):
        robot.live(tick, learn=False)
        if tick.stamp_ns >= 1_000_000_000:
            robot.learner.observe_joint_command(tick.stamp_ns, velocity, np.nan)
            robot.learner.observe_base_command(tick.stamp_ns, 0.2, -0.1)
    robot.learner.update()  # labels from commands wait for it
    physical = known_targets(robot)
    # A command may come up to the tolerance after its sample: the newest is still open.
    commanded = slice(100, 199)
    off = physical[commanded, SLICES["joint_velocity"]] - velocity
    np.testing.assert_allclose(off, 0, atol=1e-6)
    np.testing.assert_allclose(physical[commanded, SLICES["base"]] - [0.2, -0.1], 0, atol=1e-6)
    assert np.isnan(physical[:, SLICES["gripper"]]).all()
    assert np.isnan(physical[:99, : SLICES["position"].start]).all()
    position = physical[:, SLICES["position"]]
    known = ~np.isnan(position).any(axis=1)
    assert 0 < known.sum() < len(known)
    assert np.abs(position[known] - CENTRE).max() < 0.6


def test_samples_that_are_not_usable_are_neither_learned_nor_scored():
    robot = Robot()
    for tick in belt(2.0, seed=5):
        robot.live(tick, usable=tick.stamp_ns >= 1_000_000_000)
    known = ~np.isnan(known_targets(robot)).all(axis=1)
    assert not known[:100].any()
    assert known[100:].any()
    assert robot.learner.score.cumulative().samples == known.sum()


def test_nothing_is_learned_from_a_state_with_a_feature_at_its_limit():
    robot = Robot()
    for tick in belt(2.0, seed=5):
        features = tick.features.copy()
        if tick.stamp_ns >= 1_000_000_000:
            features[2] = 10.0
        robot.live(dataclasses.replace(tick, features=features))
    known = ~np.isnan(known_targets(robot)).all(axis=1)
    assert known[:99].any() and not known[100:].any()


def test_stream_that_starts_again_long_before_is_followed():
    robot = Robot()
    for tick in belt(3.0, seed=5):
        robot.live(tick)
    robot.learner.observe_state(0, np.zeros(SPEC.features, np.float32), True)
    with pytest.raises(NotReady, match="no labelled sample"):
        robot.learner.engine.training_job()


def test_nothing_to_train_on_is_said():
    robot = Robot()
    with pytest.raises(NotReady, match="no sample"):
        robot.learner.engine.training_job()
    for tick in belt(0.65, seed=5):
        robot.live(tick)
    with pytest.raises(NotReady, match="fewer than 20 labels"):
        robot.learner.engine.training_job()


def test_bad_observations_are_refused_in_words():
    robot = Robot()
    learner = robot.learner
    learner.observe_object(10**18, np.zeros(3))  # before the first state: not of interest
    for tick in belt(1.0, seed=5):
        robot.live(tick)
    newest = 99 * STEP_NS
    features = np.zeros(SPEC.features, np.float32)
    with pytest.raises(ValueError, match="3 features"):
        learner.observe_state(newest + STEP_NS, features[:3], True)
    with pytest.raises(ValueError, match="not finite"):
        learner.observe_state(newest + STEP_NS, features * np.nan, True)
    with pytest.raises(ValueError, match="not newer"):
        learner.observe_state(newest - STEP_NS, features, True)
    with pytest.raises(ValueError, match="ahead"):
        learner.observe_object(newest + 2_000_000_000, np.zeros(3))
    with pytest.raises(ValueError, match="ahead"):
        learner.observe_base_command(newest + 2_000_000_000, 0.0, 0.0)
    with pytest.raises(ValueError, match="finite"):
        learner.observe_object(newest, [np.nan, 0, 0])
