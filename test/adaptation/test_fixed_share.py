import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.fixed_share import FixedShare

SHARES = (0.5, 0.25, 0.25)
VARIANCE = np.ones(1)


LOSS_MAX = 4.0


def mixture(share: float = 0.01) -> FixedShare:
    return FixedShare(SHARES, 1, share)


@given(
    st.lists(
        st.tuples(*[st.floats(0.0, 1e6)] * 3, st.floats(0.01, 10.0), st.floats(0.0, 100.0)),
        min_size=1,
        max_size=50,
    )
)
def test_weights_stay_a_distribution_and_nobody_is_given_up(batches):
    mixed = mixture()
    for *errors, samples, unseen in batches:
        mixed.learn(np.array(errors)[:, None], VARIANCE, samples, LOSS_MAX, unseen)
        np.testing.assert_allclose(mixed.weights.sum(axis=0), 1.0, atol=1e-12)
    dealt = 1.0 - 0.99 ** batches[-1][-2]
    assert (mixed.weights[:, 0] >= dealt * np.array(SHARES) - 1e-12).all()


@given(st.integers(0, 500), st.lists(st.integers(5, 60), min_size=1, max_size=5))
def test_loss_stays_near_that_of_the_best_sequence_of_experts(seed, lengths):
    """The bound of Herbster & Warmuth (1998) for log loss, with start and switches paid for."""
    rng = np.random.default_rng(seed)
    share = 0.02
    mixed = mixture(share)
    suffered = best = 0.0
    for length in lengths:
        errors = rng.uniform(0.0, 4.0, (length, 3))
        errors[:, rng.integers(3)] *= 0.05
        best += 0.5 * errors.sum(axis=0).min()
        for row in errors:
            suffered -= np.log(mixed.weights[:, 0] @ np.exp(-0.5 * row))
            mixed.learn(row[:, None], VARIANCE, 1.0, np.inf)
    switches, stays = len(lengths) - 1, sum(lengths) - len(lengths)
    cost = np.log(4.0) - switches * np.log(share / 4.0) - stays * np.log(1.0 - share)
    assert suffered <= best + cost - np.log(1 - share) + 1e-9


def test_expert_that_becomes_good_again_is_believed_soon():
    mixed = mixture()
    for _ in range(1000):
        mixed.learn(np.array([[9.0], [0.1], [9.0]]), VARIANCE, 1.0, LOSS_MAX)
    assert mixed.weights[0, 0] < 0.01
    samples = 0
    while mixed.weights[0, 0] < 0.9:
        mixed.learn(np.array([[0.1], [9.0], [9.0]]), VARIANCE, 1.0, LOSS_MAX)
        samples += 1
    assert samples <= 4


def test_outputs_are_mixed_each_for_itself():
    mixed = FixedShare(SHARES, 2, 0.01)
    for _ in range(20):
        mixed.learn(np.array([[0.0, 4.0], [4.0, 0.0], [4.0, 4.0]]), np.ones(2), 1.0, LOSS_MAX)
    assert mixed.weights[0, 0] > 0.9 and mixed.weights[1, 1] > 0.9
    np.testing.assert_array_equal(mixed.select([1]).weights, mixed.weights[:, [1]])


def test_one_outlier_decides_nothing():
    mixed = mixture()
    for _ in range(100):
        mixed.learn(np.array([[0.0], [2.0], [2.0]]), VARIANCE, 1.0, LOSS_MAX)
    trusted = mixed.weights[0, 0]
    mixed.learn(np.array([[1e9], [0.0], [1e9]]), VARIANCE, 1.0, LOSS_MAX)
    assert mixed.weights[0, 0] > 0.5 * trusted


def test_where_labels_are_rare_the_nearer_one_is_found_though_all_are_far_off():
    """As in a world that has just changed: 30 and 20 standard deviations, all beyond LOSS_MAX."""
    dense, rare = mixture(), mixture()
    for mixed, unseen in ((dense, 0.0), (rare, 9.0)):
        for _ in range(6):
            mixed.learn(np.array([[900.0], [400.0], [900.0]]), VARIANCE, 1.0, LOSS_MAX, unseen)
    assert rare.weights[1, 0] > 0.8
    np.testing.assert_allclose(dense.weights[:, 0], SHARES, atol=1e-12)


@given(st.floats(10.0, 1e4), st.floats(0.01, 0.1))
def test_of_rare_labels_one_that_all_miss_decides_nothing(distance, apart):
    """Under the usual variance one expert would be better by its logarithm times distance."""
    mixed = mixture()
    before = mixed.weights.copy()
    errors = np.square([[distance], [distance + apart], [distance]])
    mixed.learn(errors, VARIANCE, 1.0, np.inf, unseen=1e3)
    np.testing.assert_allclose(mixed.weights, before, atol=apart / distance)


@given(st.floats(0.0, 50.0), st.floats(0.01, 1.0))
def test_time_without_labels_deals_out_as_much_as_labels_that_decide_nothing(unseen, samples):
    rare, dense = mixture(0.05), mixture(0.05)
    for mixed in (rare, dense):
        mixed.weights[:, 0] = [0.98, 0.01, 0.01]
    rare.learn(np.ones((3, 1)), VARIANCE, samples, LOSS_MAX, unseen)
    dense.learn(np.ones((3, 1)), VARIANCE, samples + unseen, LOSS_MAX)
    np.testing.assert_allclose(rare.weights, dense.weights, rtol=1e-9)
