import numpy as np
import pytest
from problems import run_window
from synthetic_belt import CENTRE, SPEC, STEP_NS, Tick, belt, fitted_model

from liquid_adapt_ros.adaptation.learner import LearnerSettings, NotReady, OnlineLearner
from liquid_adapt_ros.adaptation.trainer import TrainerSettings, WindowTrainer
from liquid_adapt_ros.runtime.engine import StreamingPolicy

MODEL = fitted_model()
SLICES = SPEC.layout.slices()


def engine() -> StreamingPolicy:
    return StreamingPolicy(SPEC, MODEL.params, MODEL.norm)


class Robot:
    """A learner beside a network that flies, without messages."""

    def __init__(self) -> None:
        self.flying, self.frozen = engine(), engine()
        self.learner = OnlineLearner(SPEC, MODEL.norm, engine(), self.frozen, LearnerSettings())

    def live(self, tick: Tick, usable: bool = True) -> None:
        self.learner.observe_state(tick.stamp_ns, tick.features, usable)
        said = self.flying.step(tick.features, SPEC.step_s)
        self.learner.observe_prediction(tick.stamp_ns, said.position)
        if tick.detection is not None:
            self.learner.observe_object(*tick.detection)

    def fly(self, params: dict[str, np.ndarray]) -> None:
        self.flying.swap(params)
        self.learner.fly(params)


def test_adapted_error_falls_after_a_shift_and_the_frozen_one_stays():
    robot = Robot()
    trainer = WindowTrainer(SPEC, MODEL.params, TrainerSettings())
    gains = {}
    for tick in belt(40.0, seed=5, shift_from_s=10.0):
        robot.live(tick)
        second, rest = divmod(tick.stamp_ns + STEP_NS, 1_000_000_000)
        if rest % 500_000_000 == 0 and second > 1:
            step = trainer.step(robot.learner.labelled_window())
            if step.params is not None:
                robot.fly(step.params)
        if rest == 0:
            gains[second] = robot.learner.score.sliding()
    assert gains[10].adapted_rmse_m < 1.25 * gains[10].frozen_rmse_m
    assert gains[40].frozen_rmse_m > 3.0 * gains[10].frozen_rmse_m
    assert gains[40].gain_percent > 60.0
    fresh = engine()
    robot.frozen.reset()
    for tick in belt(1.0, seed=6):
        frozen = robot.frozen.step(tick.features, SPEC.step_s)
        expected = fresh.step(tick.features, SPEC.step_s)
        np.testing.assert_array_equal(frozen.position, expected.position)


def test_window_is_unrolled_to_what_the_network_said_while_it_streamed():
    robot, said = Robot(), []
    for tick in belt(3.0, seed=5):
        robot.live(tick)
        said.append((robot.flying.hidden_state, tick))
    window = robot.learner.labelled_window()
    outputs, states = run_window(
        SPEC.network,
        MODEL.params,
        window.initial_hidden_state[None],
        window.features[None],
        window.dt_s,
    )
    streamed = np.array([state for state, _ in said])[100 : 100 + len(window.features)]
    np.testing.assert_allclose(states[0], streamed, atol=1e-5)
    known = ~np.isnan(window.target[:, SLICES["position"]]).any(axis=1)
    error = (outputs[0] - window.target)[known][:, SLICES["position"]]
    assert known[-1]
    assert np.sqrt((error**2).mean()) < 0.1


def test_labels_are_normalised_and_commands_belong_to_their_sample():
    robot = Robot()
    velocity = np.arange(6.0)
    for tick in belt(2.0, seed=5):
        robot.live(tick)
        if tick.stamp_ns >= 1_000_000_000:
            robot.learner.observe_joint_command(tick.stamp_ns, velocity, np.nan)
            robot.learner.observe_base_command(tick.stamp_ns, 0.2, -0.1)
    target = robot.learner.labelled_window().target
    norm = MODEL.norm
    physical = norm["norm.output_mean"] + norm["norm.output_scale"] * target
    np.testing.assert_allclose(physical[100:, SLICES["joint_velocity"]] - velocity, 0, atol=1e-6)
    np.testing.assert_allclose(physical[100:, SLICES["base"]] - [0.2, -0.1], 0, atol=1e-6)
    assert np.isnan(target[:, SLICES["gripper"]]).all()
    assert np.isnan(target[:100, : SLICES["position"].start]).all()
    position = physical[:, SLICES["position"]]
    known = ~np.isnan(position).any(axis=1)
    assert 0 < known.sum() < len(known)
    assert np.abs(position[known] - CENTRE).max() < 0.6


def test_samples_that_are_not_usable_are_neither_learned_nor_scored():
    robot = Robot()
    for tick in belt(2.0, seed=5):
        robot.live(tick, usable=tick.stamp_ns >= 1_000_000_000)
    known = ~np.isnan(robot.learner.labelled_window().target).all(axis=1)
    assert not known[:100].any()
    assert known[100:].any()
    assert robot.learner.score.cumulative().samples == known.sum()


def test_gap_starts_a_new_window():
    robot = Robot()
    for tick in belt(3.0, seed=5):
        if not 1_500_000_000 <= tick.stamp_ns < 1_600_000_000:
            robot.live(tick)
    window = robot.learner.labelled_window()
    assert len(window.features) < 140
    np.testing.assert_allclose(window.dt_s, 0.01)


def test_gap_that_the_solver_could_not_step_over_is_refused():
    settings = LearnerSettings(max_gap_s=0.1)
    with pytest.raises(ValueError, match="unstable"):
        OnlineLearner(SPEC, MODEL.norm, engine(), engine(), settings)


def test_stream_that_starts_again_long_before_is_followed():
    robot = Robot()
    for tick in belt(3.0, seed=5):
        robot.live(tick)
    robot.learner.observe_state(0, np.zeros(SPEC.features, np.float32), True)
    with pytest.raises(NotReady, match="0 samples"):
        robot.learner.labelled_window()


def test_nothing_to_train_on_is_said():
    robot = Robot()
    with pytest.raises(NotReady, match="fused_state"):
        robot.learner.labelled_window()
    for tick in belt(0.5, seed=5):
        robot.live(tick)
    with pytest.raises(NotReady, match="25 are needed"):
        robot.learner.labelled_window()


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
    with pytest.raises(ValueError, match="went back"):
        learner.observe_state(newest - STEP_NS, features, True)
    with pytest.raises(ValueError, match="ahead"):
        learner.observe_object(newest + 2_000_000_000, np.zeros(3))
    with pytest.raises(ValueError, match="ahead"):
        learner.observe_base_command(newest + 2_000_000_000, 0.0, 0.0)
    with pytest.raises(ValueError, match="finite"):
        learner.observe_object(newest, [np.nan, 0, 0])
