"""What lasts of what was learned is measured, and no more than that is held."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.held_mixture import HeldMixture
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings

SETTINGS = ReadoutSettings()
SHARES = [0.4, 0.3, 0.3]
OUTPUTS = 2


def held(**settings) -> HeldMixture:
    return HeldMixture(SHARES, OUTPUTS, dataclasses.replace(SETTINGS, **settings))


def labels(rng, count=40, lasts=(1.0, 1.0), noise=0.0):
    """What three estimates said, the first of them the anchor, and targets that ask for a part
    `lasts` of what the second one corrects; the third one corrects something else."""
    anchor = rng.standard_normal((count, OUTPUTS))
    corrections = rng.standard_normal((2, count, OUTPUTS))
    said = np.stack([anchor, anchor + corrections[0], anchor + corrections[1]], axis=1)
    asked = lasts * corrections[0] + noise * rng.standard_normal((count, OUTPUTS))
    return said, anchor + asked


def test_nothing_is_held_before_anything_is_known():
    mixture = held()
    np.testing.assert_array_equal(mixture.gain, 0.0)
    np.testing.assert_array_equal(mixture.claims, [[1.0] * OUTPUTS, [0.0] * OUTPUTS, [0.0] * 2])


def test_gain_is_the_ridge_regression_of_what_is_asked_for_on_what_had_been_learned():
    """With forgetting, and with what the mixture stood for when each label came."""
    rng, mixture = np.random.default_rng(1), held(held_memory=30.0)
    asked, learned, age = [], [], []
    for _ in range(12):
        said, target = labels(rng, count=6, lasts=(0.7, 0.2), noise=0.5)
        counts = rng.uniform(0.1, 1.0, 6)
        asked.append((target - said[:, 0], counts))
        learned.append(np.einsum("ko,nko->no", mixture.weights, said) - said[:, 0])
        age = [item + counts.sum() for item in age] + [0.0]
        mixture.learn(said, target, counts)
    weight = np.concatenate(
        [counts * np.exp(-item / 30.0) for (_, counts), item in zip(asked, age, strict=True)]
    )[:, None]
    wanted, said_before = np.concatenate([item for item, _ in asked]), np.concatenate(learned)
    cross, square = ((weight * said_before * other).sum(axis=0) for other in (wanted, said_before))
    left = (weight * (wanted - cross / square * said_before) ** 2).sum(axis=0) / weight.sum()
    gain = cross / (square + SETTINGS.held_prior * left)
    np.testing.assert_allclose(mixture.gain, np.clip(gain, 0.0, 1.0), rtol=1e-12)


def test_what_lasts_is_held_whole_and_what_turns_is_not_held():
    rng, mixture = np.random.default_rng(2), held()
    for _ in range(100):
        said, target = labels(rng, lasts=(1.0, -1.0), noise=0.1)
        mixture.learn(said, target, np.full(len(said), 0.5))
    # All but what the last 20 samples dealt out anew to others.
    dealt = 1.0 - (1.0 - SETTINGS.held_share_per_sample) ** 20.0
    assert mixture.weights[1, 0] == pytest.approx(1.0 - (1.0 - SHARES[1]) * dealt, abs=1e-6)
    assert 0.9 < mixture.gain[0] <= 1.0
    assert mixture.gain[1] == 0.0
    np.testing.assert_array_equal(mixture.claims[:, 1], [1.0, 0.0, 0.0])


def test_a_single_object_convinces_only_in_part():
    """2.5 s of labels are 25 independent samples, and 100 speak for nothing, each as much as what
    is not explained: here as large as what is."""
    rng, mixture = np.random.default_rng(3), held()
    said, target = labels(rng, count=250, noise=1.0)
    for part in np.split(np.arange(250), 25):
        mixture.learn(said[part], target[part], np.full(10, 0.1))
    assert (mixture.gain > 0.1).all() and (mixture.gain < 0.4).all()


def test_a_correction_stays_as_far_as_it_is_larger_than_what_is_usually_left():
    """x / (x + c), x the mean over the outputs of the ratio of the squares."""
    mixture = held(held_doubt=2.0, variance_memory=1e-3)  # the newest label alone
    ones = np.ones((400, OUTPUTS))
    mixture.learn_newest([0.0, 0.0] * ones, [0.1, 0.3] * ones, np.full(400, 0.1))
    assert mixture.stays == 0.0
    mixture.learn_newest([[0.2, 0.9]], [[0.1, 0.3]], np.ones(1))
    assert mixture.stays == pytest.approx(6.5 / 8.5, rel=1e-12)  # (4 + 9) / 2


def test_what_is_usually_left_follows_a_change_slowly():
    mixture = held()
    mixture.learn_newest(np.zeros((40, 2)), np.full((40, 2), 0.1), np.ones(40))
    mixture.learn_newest(np.full((20, 2), 1.0), np.full((20, 2), 1.0), np.ones(20))
    # 20 samples of 60, of a square of four times the usual one instead of a hundred times.
    np.testing.assert_allclose(mixture.usual, 0.01 * (1.0 + 3.0 / 3.0), rtol=1e-12)
    assert mixture.stays > 0.95


def test_a_jump_of_the_world_makes_less_certain():
    rng, mixture = np.random.default_rng(4), held()
    for _ in range(20):
        mixture.learn(*labels(rng, noise=1.0), np.full(40, 0.5))
    before = mixture.gain
    mixture.fade(0.1)
    assert (mixture.gain < before).all() and (mixture.gain > 0.0).all()


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1e3), st.floats(1e-3, 5.0))
def test_claims_are_a_mixture_whatever_the_labels(seed, scale, count):
    rng, mixture = np.random.default_rng(seed), held()
    for _ in range(5):
        said, target = labels(rng, count=4, noise=scale)
        mixture.learn(scale * said, scale * target, np.full(4, count))
    claims = mixture.claims
    assert (claims >= 0.0).all()
    np.testing.assert_allclose(claims.sum(axis=0), 1.0, rtol=1e-12)


def test_outputs_go_on_alone_as_they_would_have_together():
    rng, mixture = np.random.default_rng(5), held()
    mixture.learn(*labels(rng, lasts=(1.0, 0.5)), np.ones(40))
    alone = mixture.select([1])
    said, target = labels(rng, lasts=(1.0, 0.5))
    mixture.learn(said, target, np.ones(40))
    alone.learn(said[:, :, 1:], target[:, 1:], np.ones(40))
    np.testing.assert_allclose(alone.claims, mixture.claims[:, 1:], rtol=1e-12)
