import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import PARAMS, SPEC, STEP_NS, follow, rmse, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.residual_persistence import ResidualPersistence

STEP_S = 0.01
# With a prior that no stream can outweigh nothing is ever carried over.
WITHOUT = ReadoutSettings(persistence_prior=1e12)


def first_order(seed: int, count: int, lasts_s: float) -> np.ndarray:
    """A residual (count, 1) of variance 1 whose correlation falls with exp(-t / lasts_s)."""
    rng = np.random.default_rng(seed)
    kept = np.exp(-STEP_S / lasts_s)
    noise = np.sqrt(1.0 - kept**2) * rng.standard_normal(count)
    residual = np.empty(count)
    value = rng.standard_normal()
    for tick in range(count):
        value = kept * value + noise[tick]
        residual[tick] = value
    return residual[:, None]


def run(persistence: ResidualPersistence, residual: np.ndarray, delay: int) -> np.ndarray:
    """Labels one by one, `delay` samples late; returns what was carried over, (T, O)."""
    carried, corrections = [], []
    counts = np.full((1, residual.shape[1]), 0.1)
    for tick in range(len(residual)):
        known = tick - delay
        if known >= 0:
            rows = slice(known, known + 1)
            persistence.learn(carried[known][None], residual[rows], counts)
            persistence.follow(np.array([known * STEP_S]), residual[rows], np.ones_like(counts))
        carried.append(persistence.newest.copy())
        corrections.append(persistence.correction)
    return np.array(corrections)


@pytest.mark.parametrize("delay", [1, 10, 30])
def test_gain_is_what_regression_of_the_residual_on_its_past_gives(delay):
    """With the shortest average `newest` is the residual `delay` samples ago, of which
    exp(-delay / lasts) is left in the mean, the autocorrelation of a first-order process."""
    lasts_s, memory = 0.2, 1e6
    settings_ = ReadoutSettings(
        persistence_average_s=1e-4, persistence_memory=memory, persistence_prior=1e-6
    )
    persistence = ResidualPersistence(1, settings_)
    residual = first_order(delay, 50_000, lasts_s)
    run(persistence, residual, delay)
    # 500 s are 1250 times of correlation: the estimate is off by 1 / sqrt(1250) or so.
    expected = np.exp(-delay * STEP_S / lasts_s)
    assert abs(persistence.gain[0] - expected) < 3.0 / np.sqrt(1250.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 40), st.floats(0.02, 2.0))
def test_what_is_carried_over_never_costs_much_and_helps_where_residuals_last(
    seed, delay, lasts_s
):
    residual = first_order(seed, 6000, lasts_s)
    corrections = run(ResidualPersistence(1, ReadoutSettings()), residual, delay)
    left = np.mean(np.square(residual - corrections)[1000:]) / np.mean(np.square(residual)[1000:])
    # 30 independent samples of memory know the gain to 1 / sqrt(30), which costs a thirtieth.
    assert left < 1.0 + 2.0 / 30.0
    if delay * STEP_S < 0.1 * lasts_s and lasts_s > 0.5:
        assert left < 0.5


def test_white_residuals_are_left_alone():
    residual = np.random.default_rng(0).standard_normal((6000, 3))
    corrections = run(ResidualPersistence(3, ReadoutSettings()), residual, 2)
    assert np.mean(np.square(residual - corrections)) < 1.02 * np.mean(np.square(residual))


@given(st.integers(0, 1000), st.floats(0.0, 1.0))
def test_gain_stays_between_none_and_all(seed, share_known):
    rng = np.random.default_rng(seed)
    persistence = ResidualPersistence(2, ReadoutSettings())
    for tick in range(30):
        values = np.exp(rng.uniform(-10.0, 10.0, (2, 3, 2))) * rng.choice([-1.0, 1.0], (2, 3, 2))
        counts = rng.uniform(0.0, 1.0, (3, 2)) * (rng.random((3, 2)) < share_known)
        values[1][counts == 0.0] = np.nan
        persistence.learn(values[0], values[1], counts)
        persistence.follow(tick + np.arange(3) * STEP_S, values[1], counts)
        assert np.isfinite(persistence.newest).all()
        assert ((persistence.gain >= 0.0) & (persistence.gain <= 1.0)).all()


def test_outputs_without_labels_are_not_touched_by_those_of_others():
    persistence = ResidualPersistence(2, ReadoutSettings())
    trust = np.array([[1.0, 0.0]])
    persistence.follow(np.array([1.0]), np.array([[0.4, np.nan]]), trust)
    np.testing.assert_array_equal(persistence.newest, [0.4, 0.0])
    persistence.follow(np.array([0.5]), np.array([[9.0, np.nan]]), trust)  # older: no news
    np.testing.assert_array_equal(persistence.newest, [0.4, 0.0])


def test_labels_count_as_far_as_they_are_believed():
    """An outlier alone leaves what was there; beside others it counts as a part of their mean."""
    settings_ = ReadoutSettings(persistence_average_s=0.05)
    batches = (
        ([2.0], [[9.0]], [[0.01]]),
        ([2.0, 2.0 + STEP_S], [[0.6], [9.0]], [[1.0], [0.01]]),
    )
    for stamp_s, residual, trust in batches:
        persistence = ResidualPersistence(1, settings_)
        persistence.follow(np.array([1.0]), np.array([[0.4]]), np.ones((1, 1)))
        persistence.follow(np.array(stamp_s), np.array(residual), np.array(trust))
        # Of labels a second ago nothing is left by their age: weights are of the batch alone.
        weight = np.exp((np.array(stamp_s) - stamp_s[-1]) / 0.05)[:, None]
        weight = weight / weight.sum() * trust
        expected = (weight * residual).sum() + (1.0 - weight.sum()) * 0.4
        np.testing.assert_allclose(persistence.newest, expected, rtol=1e-6)


def test_it_fades_to_nothing_where_no_labels_come():
    persistence = ResidualPersistence(2, ReadoutSettings(persistence_lasts_s=0.5))
    persistence.follow(np.array([1.0]), np.array([[0.4, 0.4]]), np.ones((1, 2)))
    labelled = np.array([False, True])
    persistence.fade(0.5, labelled)
    np.testing.assert_allclose(persistence.newest, [0.4 * np.exp(-1.0), 0.4])
    persistence.fade(50.0, labelled)
    np.testing.assert_array_equal(persistence.newest, [0.0, 0.4])


def drifting(made_up):
    """The same stream with an error that lasts for half a second, which no input shows."""
    rng = np.random.default_rng(7)
    slow, value = np.empty_like(made_up.target), np.zeros(SPEC.outputs)
    for tick in range(len(slow)):
        value = np.exp(-STEP_S / 0.5) * value + 0.04 * rng.standard_normal(SPEC.outputs)
        slow[tick] = value
    made_up.target[:] += slow
    return made_up


def test_engine_gains_by_it_where_labels_come_soon_and_loses_nothing_where_late():
    left = {}
    for delay in (2, 40):
        made_up = drifting(stream(30.0, seed=3))
        for name, readout in (("with", ReadoutSettings()), ("without", WITHOUT)):
            engine = AdaptationEngine(
                SPEC, PARAMS, settings=EngineSettings(training=None, readout=readout)
            )
            said, _ = follow(engine, made_up, delay=delay)
            left[name, delay] = rmse(said, made_up, 10.0, 30.0)
    assert left["with", 2] < 0.9 * left["without", 2]
    assert left["with", 40] < 1.02 * left["without", 40]


def test_updates_that_follow_soon_gain_where_labels_come_soon():
    """What lasts for half a second has changed by a fifth after 0.1 s; the default is a fifth of
    that."""
    made_up, left = drifting(stream(30.0, seed=3)), {}
    for period_s in (EngineSettings().update_period_s, 0.1):
        engine = AdaptationEngine(
            SPEC, PARAMS, settings=EngineSettings(training=None, update_period_s=period_s)
        )
        said, _ = follow(engine, made_up, delay=2)
        left[period_s] = rmse(said, made_up, 10.0, 30.0)
    assert left[0.02] < 0.9 * left[0.1]


def test_engine_gains_by_it_where_one_label_of_ten_is_an_outlier():
    """Ten labels a second: an outlier is the only news of its update."""
    left = {}
    made_up = drifting(stream(30.0, seed=3))
    for name, readout in (("with", ReadoutSettings()), ("without", WITHOUT)):
        rng = np.random.default_rng(1)

        def now_and_then(known, target, rng=rng):
            if known % 10:
                return None
            return target + rng.choice([0.0, -3.0, 3.0], p=[0.9, 0.05, 0.05])

        engine = AdaptationEngine(
            SPEC, PARAMS, settings=EngineSettings(training=None, readout=readout)
        )
        said, _ = follow(engine, made_up, delay=2, label=now_and_then)
        left[name] = rmse(said, made_up, 10.0, 30.0)
    assert left["with"] < 0.9 * left["without"]


def test_what_the_engine_carries_over_is_gone_soon_after_the_last_label():
    """Also where nothing else calls for an update, and without leaving anything behind."""
    engine = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
    made_up = drifting(stream(15.0, seed=3))
    follow(engine, made_up, delay=1)
    network = engine.networks[0]
    persistence = network.readout.persistence
    assert persistence.newest.any()
    tick, updates = len(made_up.features), 0
    while persistence.newest.any():
        engine.observe(tick * STEP_NS, made_up.features[-1])
        updates += engine.update() is not None
        tick += 1
        assert tick < len(made_up.features) + 1000
    assert updates
    np.testing.assert_array_equal(persistence.correction, 0.0)
    engine.observe(tick * STEP_NS, made_up.features[-1], usable=False)  # nothing else passes then
    assert not network.is_passing
    assert engine.update() is None


def test_nonsense_is_refused():
    for name in ("memory", "prior", "average_s", "lasts_s"):
        with pytest.raises(ValueError, match=f"persistence_{name} must be positive, got 0"):
            ReadoutSettings(**{f"persistence_{name}": 0.0})


def test_a_pause_ends_it_with_one_update():
    engine = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
    made_up = drifting(stream(15.0, seed=3))
    follow(engine, made_up, delay=1)
    assert engine.networks[0].is_passing
    engine.pause("for a test")
    updates = []
    for tick in range(len(made_up.features), len(made_up.features) + 20):
        engine.observe(tick * STEP_NS, made_up.features[-1])
        updates.append(engine.update())
    # The labels that had come before the pause are learned with it.
    (update,) = [update for update in updates if update is not None]
    assert not engine.networks[0].is_passing
    mixed = engine.networks[0].readout._mixed
    np.testing.assert_array_equal(update.tensors["readout.bias"], mixed[:, -1].astype(np.float32))
    engine.pause("")
    assert engine.networks[0].readout.carries_over


def test_after_a_jump_of_the_clock_it_goes_on_with_the_labels_of_the_new_stream():
    engine = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
    made_up = drifting(stream(15.0, seed=3))
    follow(engine, made_up, delay=1)
    persistence = engine.networks[0].readout.persistence
    before = persistence.newest.copy()
    engine.forget_stream()
    np.testing.assert_array_equal(persistence.newest, before)  # fades as where no labels come
    follow(engine, made_up, delay=1)  # its times are before those of the first
    assert not np.isclose(persistence.newest, before * np.exp(-15.0 / 0.5)).any()
    assert engine.networks[0].is_passing
