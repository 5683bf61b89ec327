import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import run_window
from synthetic_belt import SPEC, fitted_model

from liquid_adapt_ros.adaptation.trainer import LabelledWindow, TrainerSettings, WindowTrainer
from liquid_adapt_ros.lnn.time_constants import time_constant

POSITION = SPEC.layout.slices()["position"]
MODEL = fitted_model()


def shifted_window(seed: int = 0, shift: float = 0.3, samples: int = 120) -> LabelledWindow:
    """Labels are what the fitted network says, shifted in all position outputs [1]."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0, 0.5, (samples, SPEC.features)).astype(np.float32)
    hidden = rng.normal(0, 0.3, SPEC.hidden).astype(np.float32)
    said, _ = run_window(SPEC.network, MODEL.params, hidden[None], features[None], 0.01)
    target = np.full_like(said[0], np.nan)
    target[::2, POSITION] = said[0, ::2, POSITION] + shift
    return LabelledWindow(features, np.full(samples, 0.01), hidden, target)


def trainer(**changes: float) -> WindowTrainer:
    return WindowTrainer(SPEC, MODEL.params, TrainerSettings(**changes))


def test_steps_on_a_shifted_window_lower_its_loss():
    learner, window = trainer(), shifted_window()
    steps = [learner.step(window) for _ in range(60)]
    kept = [step for step in steps if step.params is not None]
    assert steps[0].before.position == pytest.approx(0.3**2, rel=1e-3)
    assert kept[-1].after.total < 0.2 * steps[0].before.total
    for step in kept:
        assert step.after.total <= step.before.total
        assert 0.0 <= step.expected_gain_percent <= 100.0


def test_loss_is_the_weighted_mean_over_labelled_outputs_only():
    window = shifted_window()
    action = np.delete(np.arange(SPEC.outputs), np.arange(SPEC.outputs)[POSITION])
    said, _ = run_window(
        SPEC.network, MODEL.params, window.initial_hidden_state[None], window.features[None], 0.01
    )
    window.target[10:20, action] = said[0, 10:20][:, action] - 2.0
    losses = trainer(position_weight=3.0, action_weight=0.5).step(window).before
    assert losses.position == pytest.approx(0.09, rel=1e-3)
    assert losses.action == pytest.approx(4.0, rel=1e-3)
    assert losses.total == pytest.approx(3.0 * 0.09 + 0.5 * 4.0, rel=1e-3)


def test_shipped_tensors_and_earlier_results_never_change():
    shipped = {name: value.copy() for name, value in MODEL.params.items()}
    learner, window = trainer(), shifted_window()
    first = learner.step(window).params
    kept = {name: value.copy() for name, value in first.items()}
    for _ in range(5):
        learner.step(window)
    for name, value in MODEL.params.items():
        np.testing.assert_array_equal(value, shipped[name])
        np.testing.assert_array_equal(first[name], kept[name])


def test_candidate_that_makes_the_window_worse_is_dropped_and_leaves_the_weights():
    """A learning rate far too high overshoots; the next, careful step starts from before it."""
    learner, window = trainer(learning_rate=1.0, bias_learning_rate=1.0), shifted_window()
    step = learner.step(window)
    assert step.params is None
    assert "grew" in step.rejection
    assert step.after.total > step.before.total
    learner.settings = TrainerSettings(learning_rate=0.0, bias_learning_rate=0.0)
    unchanged = learner.step(window)
    assert unchanged.before == step.before
    for name, value in unchanged.params.items():
        np.testing.assert_array_equal(value, MODEL.params[name])


@pytest.mark.parametrize("where", ["target", "features"])
def test_overflow_is_rejected_and_does_no_harm(where):
    learner, window = trainer(), shifted_window()
    broken = shifted_window()
    getattr(broken, where)[4] = 3e38
    with np.errstate(all="ignore"):
        step = learner.step(broken)
    assert step.params is None
    assert step.rejection
    after = learner.step(window)
    assert after.before.position == pytest.approx(0.3**2, rel=1e-3)
    assert after.params is not None


def test_window_without_a_label_is_an_error():
    window = shifted_window()
    window.target[:] = np.nan
    with pytest.raises(ValueError, match="labelled"):
        trainer().step(window)


def test_restart_returns_to_the_given_weights_with_a_fresh_optimiser():
    learner, window = trainer(), shifted_window()
    first = learner.step(window)
    for _ in range(5):
        learner.step(window)
    learner.restart(MODEL.params)
    again = learner.step(window)
    assert again.before == first.before
    for name, value in again.params.items():
        np.testing.assert_array_equal(value, first.params[name])


@settings(max_examples=15)
@given(st.integers(0, 1000), st.floats(-5, 5), st.floats(0, 0.5))
def test_whatever_is_kept_is_finite_and_its_time_constants_are_in_range(seed, shift, rate):
    learner = trainer(learning_rate=rate, bias_learning_rate=rate)
    window = shifted_window(seed, shift, samples=40)
    for _ in range(3):
        step = learner.step(window)
        if step.params is not None:
            assert all(np.isfinite(value).all() for value in step.params.values())
            tau = time_constant(SPEC, step.params["core.tau_raw"])
            assert (tau >= SPEC.tau_min_s).all()
            assert (tau <= SPEC.tau_max_s).all()
