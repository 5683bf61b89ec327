import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.ridge_bank import _JITTER, RidgeBank

FEATURES, OUTPUTS = 4, 2


def samples(seed: int, count: int):
    rng = np.random.default_rng(seed)
    phi = rng.standard_normal((count, FEATURES))
    residual = rng.standard_normal((count, OUTPUTS))
    ages, counts = rng.uniform(0.05, 1.0, (2, count))
    return phi, residual, ages, counts


def prior(seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((FEATURES, FEATURES))
    return root @ root.T / FEATURES + 0.1 * np.eye(FEATURES)


@given(st.integers(0, 1000), st.integers(1, 40), st.floats(1.0, 100.0), st.floats(0.1, 50.0))
def test_correction_minimises_the_weighted_squares(seed, count, memory, strength):
    """Against the normal equations written as one least-squares problem, solved by lstsq."""
    phi, residual, ages, counts = samples(seed, count)
    bank = RidgeBank([memory], [strength], FEATURES, OUTPUTS)
    bank.learn(phi, residual, ages, counts)
    seen = np.cumsum(ages)
    root = np.sqrt(counts * np.exp((seen - seen[-1]) / memory))[:, None]
    jitter = _JITTER * np.trace(prior(seed)) / FEATURES
    held = np.linalg.cholesky(strength * prior(seed) + jitter * np.eye(FEATURES)).T
    rows = np.concatenate([root * phi, held])
    wanted = np.concatenate([root * residual, np.zeros((FEATURES, OUTPUTS))])
    expected = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    np.testing.assert_allclose(bank.corrections(prior(seed))[0], expected, rtol=1e-7, atol=1e-8)


@given(st.integers(0, 1000), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_batches_of_any_size_come_to_the_same(seed, sizes):
    batch = samples(seed, sum(sizes))
    whole, parts = (RidgeBank([5.0, 50.0], [1.0, 2.0], FEATURES, OUTPUTS) for _ in range(2))
    whole.learn(*batch)
    for rows in np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]):
        parts.learn(*(part[rows] for part in batch))
    np.testing.assert_allclose(parts.information, whole.information, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(parts.cross, whole.cross, rtol=1e-9, atol=1e-12)


@settings(max_examples=30)
@given(st.integers(0, 1000), st.floats(0.5, 20.0))
def test_covariance_is_bounded_by_the_prior_however_little_excites(seed, strength):
    """A thousand samples in one direction: no other direction's covariance grows."""
    bank = RidgeBank([10.0], [strength], FEATURES, OUTPUTS)
    phi = np.zeros((1000, FEATURES))
    phi[:, 0] = np.random.default_rng(seed).standard_normal(1000)
    bank.learn(phi, phi[:, :OUTPUTS], np.ones(1000), np.ones(1000))
    covariance = np.linalg.inv(bank.information[0] + strength * prior(seed))
    bound = np.linalg.inv(strength * prior(seed))
    assert np.linalg.eigvalsh(bound - covariance).min() > -1e-9


def test_old_samples_fade_and_the_anchor_comes_back():
    bank = RidgeBank([10.0], [1.0], FEATURES, OUTPUTS)
    phi = np.random.default_rng(0).standard_normal((50, FEATURES))
    learned = np.ones((FEATURES, OUTPUTS))
    bank.learn(phi, phi @ learned, np.ones(50), np.ones(50))
    near = bank.corrections(np.eye(FEATURES))[0]
    assert np.abs(near - learned).max() < 0.3
    bank.fade(1e-6)
    assert np.abs(bank.corrections(np.eye(FEATURES))).max() < 1e-3


def test_without_labels_there_is_no_correction():
    bank = RidgeBank([10.0, 100.0], [1.0, 1.0], FEATURES, OUTPUTS)
    assert not bank.corrections(np.zeros((FEATURES, FEATURES))).any()


def test_selected_outputs_keep_what_they_learned():
    bank = RidgeBank([10.0], [1.0], FEATURES, OUTPUTS)
    bank.learn(*samples(0, 30))
    chosen = bank.select([1])
    np.testing.assert_allclose(
        chosen.corrections(np.eye(FEATURES))[0][:, 0],
        bank.corrections(np.eye(FEATURES))[0][:, 1],
        rtol=1e-12,
    )
    chosen.fade(0.0)
    assert bank.information.any()


@pytest.mark.parametrize("count", [1, 200])
def test_weights_of_zero_teach_nothing_but_age_the_past(count):
    bank = RidgeBank([10.0], [1.0], FEATURES, OUTPUTS)
    bank.learn(*samples(0, 30))
    before = bank.information.copy()
    phi, residual, *_ = samples(1, count)
    bank.learn(phi, residual, np.ones(count), np.zeros(count))
    np.testing.assert_allclose(bank.information, before * np.exp(-count / 10.0), rtol=1e-9)


@pytest.mark.parametrize("outputs", [1, 3, 9])
@pytest.mark.parametrize("count", [1, 6, 61])
def test_sizes_as_on_the_robot_agree_with_numpy(count, outputs):
    """Several estimates, rows that do not fill whole vectors, some samples that do not count."""
    rng = np.random.default_rng(count)
    features, memories, strengths = 65, np.array([15.0, 60.0, np.inf]), np.array([2.0, 4.0, 8.0])
    bank = RidgeBank(memories, strengths, features, outputs)
    phi, residual = rng.standard_normal((count, features)), rng.standard_normal((count, outputs))
    ages = rng.uniform(0.0, 0.1, count)
    counts = ages * (rng.random(count) < 0.7)
    bank.learn(phi, residual, ages, counts)
    seen = np.cumsum(ages)
    weight = counts * np.exp((seen - seen[-1]) / memories[:, None])
    moment = np.eye(features) + 0.5
    jitter = _JITTER * np.trace(moment) / features * np.eye(features)
    for k, strength in enumerate(strengths):
        system = phi.T @ (weight[k][:, None] * phi) + strength * moment + jitter
        expected = np.linalg.solve(system, phi.T @ (weight[k][:, None] * residual))
        # A condition number of about 100 times the rounding of sums over 65 products.
        np.testing.assert_allclose(bank.corrections(moment)[k], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_samples_that_count_this_time_come_to_the_same_as_learned_and_leave_nothing_behind(count):
    banks = [RidgeBank([10.0, 50.0], [1.0, 2.0], FEATURES, OUTPUTS) for _ in range(2)]
    for bank in banks:
        bank.learn(*samples(0, 30))
    before = banks[0].corrections(prior(0))
    phi, residual, _, counts = samples(1, count)
    counts[::3] = 0.0  # these do not count at all
    residual[::3] = np.nan
    together = banks[0].corrections(prior(0), phi, residual, counts)
    banks[1].learn(phi, residual, np.zeros(count), counts)
    np.testing.assert_allclose(together, banks[1].corrections(prior(0)), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(banks[0].corrections(prior(0)), before)


def test_arrays_that_do_not_fit_are_refused():
    bank = RidgeBank([10.0], [1.0], FEATURES, OUTPUTS)
    phi, residual, ages, counts = samples(0, 5)
    with pytest.raises(ValueError, match="residual has 8 numbers, expected 10"):
        bank.learn(phi, residual[:4], ages, counts)
    with pytest.raises(ValueError, match="prior has 9 numbers, expected 16"):
        bank.corrections(np.eye(3))
    with pytest.raises(ValueError, match="phi has 16 numbers, expected 20"):
        bank.corrections(prior(0), phi[:4], residual, counts)
    assert not bank.information.any()
