"""A detector that repeats its last answer while the world moves on says nothing of it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import PARAMS, SPEC, follow, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.stuck_labels import StuckLabels

SETTINGS = EngineSettings(training=None)
STEP_NS, NOISE = 10_000_000, 0.02


def motion(count, period=200):
    """What two outputs do, (T, 2): each is a wave of a height of 1."""
    return np.sin(2.0 * np.pi * np.arange(count)[:, None] / period + [0.0, 1.0])


def measured(truth, seed=0):
    """Labels of it: noise, and the precision of a label."""
    noise = NOISE * np.random.default_rng(seed).standard_normal(truth.shape)
    return (truth + noise).astype(np.float32)


def stuck_of(target, shipped, adapted=None, step_ns=STEP_NS, pieces=1):
    """Which of the labels (T, O) are stuck, taken in pieces of so many."""
    stuck, watch = [], StuckLabels(target.shape[1])
    adapted = shipped if adapted is None else adapted
    said = np.stack([adapted, shipped], axis=1)
    stamps_ns = np.arange(len(target), dtype=np.int64) * step_ns
    for start in range(0, len(target), pieces):
        part = slice(start, start + pieces)
        stuck.append(watch.find(stamps_ns[part], target[part], said[part]))
    return np.concatenate(stuck)


@pytest.mark.parametrize("pieces", [1, 3, 50])
def test_a_value_that_stays_while_the_world_moves_is_stuck(pieces):
    truth = motion(1000)
    target = measured(truth)
    target[400:700] = target[400]
    stuck = stuck_of(target, truth, pieces=pieces)
    # Three times the usual error is 5 % of the height, which a wave passes in 7 ticks at most.
    assert not stuck[:401].any() and stuck[407:700].all() and not stuck[700:].any()


def test_a_wrong_network_tells_it_too():
    """What it says moves all the same; the correction of the time when the value came counts."""
    truth = motion(1000)
    target = measured(truth)
    target[400:700] = target[400]
    stuck = stuck_of(target, 0.6 * truth + 2.0, adapted=truth)
    assert not stuck[:401].any() and stuck[412:700].all() and not stuck[700:].any()


def test_a_robot_at_rest_is_believed():
    truth = motion(1000)
    truth[400:700] = truth[400]
    target = measured(truth)
    target[400:700] = target[400]
    assert not stuck_of(target, truth).any()
    # In a world in which the network is wrong there, too.
    assert not stuck_of(target, truth + 1.0, adapted=truth).any()


def test_a_value_that_is_right_again_is_still_stuck():
    """A wave comes by the same place twice in a period."""
    truth = motion(1000)
    target = measured(truth)
    target[400:700] = target[400]
    near = (np.abs(truth - truth[400]) < NOISE).all(axis=1)
    assert near[450:700].any()
    assert stuck_of(target, truth)[450:700][near[450:700]].all()


def stays(moves_to, correction=0.0):
    """Whether a value is stuck that stays while what the shipped network says, which is off by a
    correction that is known, moves from it to another place."""
    noise = NOISE * np.random.default_rng(0).standard_normal((600, 1))
    truth = np.zeros((600, 1))
    truth[301:] = moves_to
    target = (truth + noise).astype(np.float32)
    target[300:] = truth[300]
    return stuck_of(target, truth - correction, adapted=truth)[301:]


def test_three_times_what_labels_are_usually_off_is_far():
    usual = NOISE * np.sqrt(2.0 / np.pi)  # the mean of what a normal distribution deviates
    assert not stays(2.5 * usual).any() and stays(3.5 * usual).all()


def test_what_was_learned_when_the_value_came_counts():
    """The shipped network alone says what the label says, by chance."""
    assert stays(1.0, correction=1.0).all()


def test_a_network_that_comes_to_what_the_label_says_is_no_reason():
    """A switch that it foresaw too late."""
    truth = motion(1000)
    target, shipped = measured(truth), truth.copy()
    target[400:] = target[400]
    shipped[400:420] = truth[400] + 1.0
    shipped[420:] = target[400]
    assert not stuck_of(target, shipped).any()


@pytest.mark.parametrize("held", [2, 10, 25, 50])
def test_what_is_held_between_slower_measurements_is_not_stuck(held):
    truth = motion(2000)
    target = measured(truth)[np.arange(2000) // held * held]
    stuck = stuck_of(target, truth)
    assert not stuck[3 * max(held, 30) :].any()


def test_held_values_that_stay_for_longer_are_stuck():
    truth = motion(2000)
    target = measured(truth)[np.arange(2000) // 10 * 10]
    target[1200:1600] = target[1200]
    stuck = stuck_of(target, truth)
    assert stuck[1220:1600].all() and not stuck[1600:].any()


def test_one_output_of_several_may_stay():
    truth = motion(1000)
    target = measured(truth)
    target[400:700, 0] = target[400, 0]
    assert not stuck_of(target, truth).any()


def test_outputs_that_are_labelled_apart_are_judged_apart():
    truth = motion(1000)
    target = measured(truth)
    target[400:700, 0] = target[400, 0]
    target[::2, 0], target[1::2, 1] = np.nan, np.nan
    target[401:700:2, 0] = target[401, 0]
    stuck = stuck_of(target, truth)
    assert stuck[409:700:2].all() and not stuck[::2].any()


def test_a_value_that_stays_for_very_long_is_true():
    truth = motion(6000)
    target = measured(truth)
    target[1000:] = target[1000]
    stuck = stuck_of(target, truth)
    assert stuck[1010:1990].all() and not stuck[2020:].any()


def test_no_more_than_a_tenth_is_refused_in_the_long_run():
    """A switch, and a network that is right about it at first and wrong soon after."""
    tick = np.arange(30000)
    target = (tick // 200 % 2)[:, None].astype(np.float32)
    shipped = np.where(tick[:, None] % 200 < 100, target, 1.0 - target)
    stuck = stuck_of(target, shipped)
    # It takes 30 values to know what is usual.
    assert stuck[7000:8000].mean() > 0.3 and 0.0 < stuck[10000:].mean() <= 0.1


def test_few_labels_say_nothing_of_what_is_usual():
    truth = motion(1000)
    target = measured(truth)
    target[20:] = target[20]
    assert not stuck_of(target, truth).any()


@given(
    st.lists(st.sampled_from([0.0, 0.5, np.nan, 1.0]), min_size=1, max_size=200),
    st.integers(0, 99),
)
def test_a_label_that_differs_from_the_one_before_is_never_stuck(values, seed):
    target = np.array(values, np.float32)[:, None]
    shipped = np.random.default_rng(seed).standard_normal(target.shape)
    stuck = stuck_of(target, shipped)
    known = np.flatnonzero(~np.isnan(target[:, 0]))
    assert not stuck[np.isnan(target[:, 0])].any()
    for before, now in zip(known[:-1], known[1:], strict=True):
        assert not (stuck[now] and target[now] != target[before])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("change_s", [np.inf, 10.0])
def test_a_detector_that_freezes_for_five_seconds_does_no_harm(seed, change_s):
    """Learned, it leaves several times the frozen network's error."""
    made_up = stream(30.0, seed=seed, change_s=change_s)
    frozen_at = 1500

    def freezes(tick, target):
        return made_up.target[frozen_at] if frozen_at <= tick < frozen_at + 500 else target

    engine = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
    shipped = AdaptationEngine(SPEC, PARAMS, settings=replace(SETTINGS, readout=None))
    adapted = follow(engine, made_up, delay=5, label=freezes)[0]
    left, kept = (
        np.sqrt(np.square(said - made_up.target).mean(axis=1))
        for said in (adapted, follow(shipped, made_up, delay=5)[0])
    )
    during, after = slice(1500, 2005), slice(2055, 2500)
    for part in (during, after):
        ratio = np.sqrt(np.mean(left[part] ** 2) / np.mean(kept[part] ** 2))
        assert ratio <= 1.05
    assert engine.counts.labels_unused > 450
