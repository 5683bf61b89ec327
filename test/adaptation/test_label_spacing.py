"""Labels that do not come for every sample."""

import dataclasses
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import PARAMS, SPEC, follow, rmse, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.label_spacing import LabelSpacing
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings

ONE = np.ones((1, 1), np.bool_)


def every(period):
    return lambda tick, target: None if tick % period else target


def stands_for(samples) -> list[float]:
    """Of labels of one output that come one by one."""
    spacing = LabelSpacing(1)
    return [float(spacing.learn(np.array([sample]), ONE)[0, 0]) for sample in samples]


def test_labels_of_every_sample_stand_for_themselves_also_after_a_gap():
    samples = [*range(50), *range(500, 550)]
    assert stands_for(samples) == [1.0] * 100


def test_rare_labels_stand_for_the_samples_between_them():
    assert stands_for(range(0, 70, 10)) == [1.0, 1.0, 10.0, 10.0, 10.0, 10.0, 10.0]


def test_labels_that_overtake_each_other_do_not_count_as_rare():
    """All samples are labelled, up to half a second late and in another order, so that five in six
    are older than the newest that has a label: one in twenty-five seems to be rare."""
    rng = np.random.default_rng(0)
    order = np.argsort(np.arange(1000) + rng.uniform(0.0, 50.0, 1000))
    assert np.mean(stands_for(order)) < 1.1


@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.lists(st.booleans(), min_size=3, max_size=3)),
        min_size=1,
        max_size=30,
    ),
    st.lists(st.integers(1, 6), min_size=30, max_size=30),
)
def test_it_is_the_median_of_three_distances_however_many_labels_come_at_once(labels, pieces):
    samples = np.cumsum([distance for distance, _ in labels])
    labelled = np.array([known for _, known in labels])
    spacing, said = LabelSpacing(3), []
    for count in pieces:
        part = slice(len(said), len(said) + count)
        said += spacing.learn(samples[part], labelled[part]).tolist()
    expected = np.ones(labelled.shape)
    for output in range(3):
        distances, before = [1.0, 1.0], None
        for row in np.flatnonzero(labelled[:, output]):
            distances.append(min(distances[-2:]) if before is None else samples[row] - before)
            before = samples[row]
            expected[row, output] = statistics.median(distances[-3:])
    np.testing.assert_array_equal(said[: len(labels)], expected)


def test_a_label_alone_counts_more_than_among_others_and_never_more_than_one():
    settings = ReadoutSettings()
    assert settings.independent(np.array(0.01)) == pytest.approx(0.1)
    alone = [float(settings.independent(np.array(0.01), n)) for n in (1, 2, 5, 10, 20, 100)]
    assert alone == pytest.approx([0.1, 0.13, 0.22, 0.37, 0.37, 0.37])
    assert settings.independent(np.array(0.05), 2.0) == pytest.approx(0.65)
    assert settings.independent(np.array([0.1, 0.5]), 9.0) == pytest.approx([1.0, 1.0])


def test_labels_are_apart_by_all_samples_that_they_stand_for():
    settings = ReadoutSettings(correlation_s=0.1)
    apart = settings.apart(0.01, np.array([1.0, 5.0, 10.0, 20.0, 100.0]))
    np.testing.assert_allclose(apart, [0.1, 0.5, 1.0, 2.0, 10.0], atol=1e-12)


def test_five_labels_a_second_show_a_change_with_the_second():
    """From half a second after it, three labels: to wait for most of seven would leave all of the
    frozen error for 0.6 s at least."""
    made_up = stream(21.0, seed=41, change_s=20.0)
    engine = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
    said, _ = follow(engine, made_up, delay=5, label=every(20))
    assert rmse(said, made_up, 20.5, 20.8) < 0.85 * rmse(made_up.frozen, made_up, 20.5, 20.8)


def test_ten_labels_a_second_are_followed_within_seconds():
    """Three to five seconds after a change; each label counted as one of a hundred a second
    leaves more than half of the frozen error."""
    made_up = stream(10.0, seed=41, change_s=5.0)
    engine = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
    said, _ = follow(engine, made_up, delay=5, label=every(10))
    assert rmse(said, made_up, 8.0, 10.0) < 0.4 * rmse(made_up.frozen, made_up, 8.0, 10.0)


def test_one_label_a_second_finds_a_world_that_has_jumped_far():
    """By ten to twenty standard deviations of the noise. Were the estimates compared under the
    usual noise, all of them would be too far off to tell for some ten labels: 0.33 to 0.54 of the
    frozen error is left then 7 to 20 s after the jump, in sixteen seeds, and 0.17 to 0.35 now."""
    left = []
    for seed in range(44, 48):
        made_up = stream(40.0, seed=seed, noise=0.1)
        target = made_up.target.copy()
        target[2000:] += np.float32([2.0, -1.0, 1.5])
        made_up = dataclasses.replace(made_up, target=target)
        engine = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
        said, _ = follow(engine, made_up, delay=5, label=every(100))
        left.append(rmse(said, made_up, 27.0, 40.0) / rmse(made_up.frozen, made_up, 27.0, 40.0))
    assert np.mean(left) < 0.3
