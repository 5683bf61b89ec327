import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import PARAMS, SPEC, follow, rmse, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.prior_strength import PriorStrength
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings

FEATURES, OUTPUTS = 10, 2
MEMORIES, STRENGTHS = [20.0, 200.0], [2.0, 8.0]
VARIANCE = np.array([0.04, 0.25])


def strength(loosening: float = 0.1) -> PriorStrength:
    return PriorStrength(MEMORIES, STRENGTHS, loosening, FEATURES, OUTPUTS)


@given(st.integers(0, 1000), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_batches_of_any_size_come_to_sums_with_forgetting(seed, sizes):
    rng = np.random.default_rng(seed)
    total = sum(sizes)
    residual = rng.standard_normal((total, OUTPUTS))
    ages, counts = rng.uniform(0.05, 1.0, (2, total))
    ours = strength()
    for rows in np.split(np.arange(total), np.cumsum(sizes)[:-1]):
        ours.learn(residual[rows], ages[rows], counts[rows])
    seen = np.cumsum(ages)
    weights = counts * np.exp((seen - seen[-1]) / np.array(MEMORIES)[:, None])
    np.testing.assert_allclose(ours.counted, weights.sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(ours.squares, weights @ np.square(residual), rtol=1e-9)


@given(st.integers(0, 1000), st.integers(0, 300), st.floats(0.0, 1.0), st.floats(0.0, 100.0))
def test_priors_are_loosened_the_more_the_further_off_the_anchor_is(seed, count, loosening, times):
    rng = np.random.default_rng(seed)
    noise = np.sqrt(VARIANCE) * rng.standard_normal((count, OUTPUTS))
    near, far = strength(loosening), strength(loosening)
    each = np.full(count, 0.3)
    near.learn(times * noise, each, each)
    far.learn((times + 1.0) * noise, each, each)
    given_near, given_far = near.given(VARIANCE), far.given(VARIANCE)
    assert (given_far > 0.0).all()
    assert (given_far <= given_near).all()
    assert (given_near <= STRENGTHS).all()


def test_noise_leaves_priors_as_they_are_and_nothing_known_does():
    ours = strength()
    np.testing.assert_array_equal(ours.given(VARIANCE), STRENGTHS)
    residual = np.sqrt(VARIANCE) * np.array([[1.0, -1.0], [-1.0, 1.0]])
    ours.learn(residual, np.ones(2), np.ones(2))
    np.testing.assert_allclose(ours.given(VARIANCE), STRENGTHS, rtol=1e-12)


def test_no_prior_stays_none():
    ours = PriorStrength(MEMORIES, [0.0, 8.0], 0.1, FEATURES, OUTPUTS)
    np.testing.assert_array_equal(ours.given(VARIANCE), [0.0, 8.0])
    ours.learn(np.ones((1, OUTPUTS)), np.ones(1), np.ones(1))
    assert ours.given(VARIANCE)[0] == 0.0


def test_with_all_of_it_to_explain_a_strength_is_noise_over_what_is_beyond_it_for_each_feature():
    """The evidence's ratio, in the limit of many samples that are far off."""
    ours = strength(1.0)
    count = 20_000
    ours.learn(np.full((count, OUTPUTS), 30.0) * np.sqrt(VARIANCE), np.ones(count), np.ones(count))
    np.testing.assert_allclose(ours.given(VARIANCE), FEATURES / 900.0, rtol=0.2)
    # Of the memory's samples, kappa are taken for noise: 2 of 20, 8 of 200.
    counted = np.array(MEMORIES) + 0.5
    excess = (900.0 * counted + STRENGTHS) / (counted + STRENGTHS) - 1.0
    expected = 1.0 / (1.0 / np.array(STRENGTHS) + excess / FEATURES)
    np.testing.assert_allclose(ours.given(VARIANCE), expected, rtol=1e-3)


def test_samples_that_do_not_count_may_have_no_label():
    ours = strength()
    ours.learn(
        np.array([[np.nan, np.nan], [1.0, 2.0]]), np.array([0.0, 1.0]), np.array([0.0, 1.0])
    )
    np.testing.assert_array_equal(ours.squares, [[1.0, 4.0]] * 2)


def test_what_is_forgotten_counts_no_more_and_a_copy_of_some_outputs_stands_by_itself():
    ours = strength()
    ours.learn(np.array([[3.0, 4.0]]), np.ones(1), np.ones(1))
    some = ours.select([1])
    ours.fade(0.5)
    np.testing.assert_array_equal(ours.squares, [[4.5, 8.0]] * 2)
    ours.fade(0.0)
    np.testing.assert_array_equal(ours.given(VARIANCE), STRENGTHS)
    np.testing.assert_array_equal(some.squares, [[16.0]] * 2)
    assert some.given(VARIANCE[1:]) == pytest.approx(
        np.array(STRENGTHS)
        / (
            1.0
            + np.array(STRENGTHS)
            * 0.01
            * ((64.0 + np.array(STRENGTHS)) / (1.0 + np.array(STRENGTHS)) - 1.0)
        )
    )


@pytest.mark.parametrize("every", [1, 20])
def test_a_change_of_many_times_the_noise_is_explained_further_with_looser_priors(every):
    """With a hundred labels a second, and with five; where nothing changes it is the same."""
    ratios, calm = [], []
    for seed in range(3):
        made_up = stream(30.0, seed=seed, change_s=10.0)
        said = {}
        for loosening in (0.0, 0.1):
            settings = EngineSettings(training=None, readout=ReadoutSettings(loosening=loosening))
            said[loosening], _ = follow(
                AdaptationEngine(SPEC, PARAMS, settings=settings),
                made_up,
                label=lambda tick, target: None if tick % every else target,
            )
        for start_s, end_s, found in ((15.0, 30.0, ratios), (2.0, 10.0, calm)):
            errors = [rmse(said[loosening], made_up, start_s, end_s) for loosening in (0.1, 0.0)]
            found.append(errors[0] / errors[1])
    assert np.mean(ratios) < 0.85
    assert np.mean(calm) < 1.005
