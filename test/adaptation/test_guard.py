import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.guard import CandidateJudge, GuardSettings, LiveGuard

SETTINGS = GuardSettings()


@pytest.mark.parametrize(
    ("candidate", "other", "on_newest", "on_nominal"),
    [
        (0.9, 1.0, True, True),
        (1.01, 1.0, False, True),
        (1.2, 1.0, False, False),
        (math.nan, 1.0, False, False),
    ],
)
def test_candidate_must_be_nowhere_worse(candidate, other, on_newest, on_nominal):
    judge = CandidateJudge(SETTINGS)
    newest, nominal = judge.on_newest(candidate, other), judge.on_nominal(candidate, other)
    assert newest == "" if on_newest else "newest labels" in newest
    assert nominal == "" if on_nominal else "nominal store" in nominal


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=200))
def test_what_was_learned_flies_while_it_is_no_worse(pairs):
    guard = LiveGuard(SETTINGS, 1)
    for learned, shipped in pairs:
        guard.learn(np.array([shipped, min(learned, shipped)]), 0.1)
        assert guard.flies == 1 and not guard.must_forget


@given(st.floats(1e-6, 1e6), st.floats(1e-3, 1e3))
def test_falls_back_soon_after_a_return_however_large_the_errors_were(size, smaller):
    """Learning was three times as good, then the world goes back and it is three times as bad."""
    guard = LiveGuard(SETTINGS, 1)
    for _ in range(600):
        guard.learn(np.array([size, size / 9.0]), 0.1)
    assert guard.gain == pytest.approx(2.0 / 3.0, abs=0.01)
    batches = 0
    while guard.flies:
        guard.learn(size * smaller * np.array([1.0 / 9.0, 1.0]), 0.1)
        batches += 1
    assert 0.1 * batches <= SETTINGS.live_memory_s
    while not guard.flies:
        guard.learn(np.array([size, size / 9.0]), 0.1)
        batches += 1
    assert 0.1 * batches <= 3.0 * SETTINGS.live_memory_s


@given(st.integers(1, 4), st.data())
def test_the_best_of_several_flies_within_the_memory_and_stays(learners, data):
    guard = LiveGuard(SETTINGS, learners)
    for best in data.draw(st.lists(st.integers(0, learners), min_size=1, max_size=5)):
        squared = np.full(1 + learners, 1.0)
        squared[best] = 0.25
        for _ in range(30):  # 3 s: twice the memory
            guard.learn(squared, 0.1)
        assert guard.flies == best
        guard.learn(np.ones(1 + learners), 0.1)
        assert guard.flies == best


def test_forgets_after_patience_and_starts_over():
    guard, elapsed_s = LiveGuard(SETTINGS, 2), 0.0
    while not guard.must_forget:
        guard.learn(np.array([1.0, 4.0, 5.0]), 0.1)
        elapsed_s += 0.1
    assert SETTINGS.patience_s < elapsed_s < SETTINGS.patience_s + SETTINGS.live_memory_s
    guard.reset()
    assert math.isnan(guard.gain) and not guard.must_forget and guard.flies == 1


@pytest.mark.parametrize("better", [1.1, 1.2])
def test_a_trained_network_has_to_be_clearly_better(better):
    guard = LiveGuard(SETTINGS, 2)
    for _ in range(100):
        guard.learn(np.array([4.0, 1.0, 1.0 / better**2]), 0.1)
    assert guard.flies == (2 if better > 1.0 + SETTINGS.network_margin else 1)
    for _ in range(100):
        guard.learn(np.array([4.0, 1.0, 1.1**2]), 0.1)
    assert guard.flies == 1


def test_a_network_that_says_nan_does_not_fly():
    guard = LiveGuard(SETTINGS, 2)
    target = np.array([[0.0, np.nan]] * 10)
    said = np.full((10, 3, 2), 0.1)
    said[:, 1] = np.nan
    for _ in range(10):
        guard.compare(target, said, np.ones(2), np.full(10, 0.01))
    assert guard.flies == 0 and guard.gain == 0.0  # of the other one, as good as shipped


@pytest.mark.parametrize("size", [0.1, 30.0])
def test_errors_are_compared_however_large_they_are(size):
    """In standard deviations of the outputs: a change may be far outside what was trained on."""
    guard = LiveGuard(SETTINGS, 1)
    target = np.zeros((10, 2))
    worse, better = (
        np.broadcast_to(size * np.array([[1.0], [ratio]]), (10, 2, 2)) for ratio in (3.0, 1.0 / 3)
    )
    while guard.flies:
        guard.compare(target, worse, np.ones(2), np.full(10, 0.01))
    batches = 0
    while not guard.flies:
        guard.compare(target, better, np.ones(2), np.full(10, 0.01))
        batches += 1
    assert 0.1 * batches < SETTINGS.live_memory_s


@given(st.floats(0.6, 2.0), st.lists(st.floats(0.5, 2.0), min_size=1, max_size=50))
def test_what_would_be_said_now_counts_only_where_it_is_better_by_far(ratio, sizes):
    guard = LiveGuard(SETTINGS, 1)
    while guard.flies:
        guard.learn(np.array([1.0, 2.0]), 0.1)
    target, ones = np.zeros((5, 2)), np.ones((5, 2))
    for size in sizes:
        now = size * np.stack([ones, ratio * ones], axis=1)
        guard.foresee(target, now, np.ones(2), np.full(5, 0.01))
        assert guard.flies == 0
    batches = 0
    while not guard.flies:
        guard.foresee(target, np.stack([ones, 0.1 * ones], axis=1), np.ones(2), np.full(5, 0.01))
        batches += 1
    assert 0.05 * batches < 0.2
    guard.learn(np.array([1.0, 1.0]), 0.1)
    assert guard.flies == 1  # what spoke against it is forgotten


def test_what_was_foreseen_before_something_flew_does_not_count_later():
    guard = LiveGuard(SETTINGS, 1)
    target, ones = np.zeros((5, 2)), np.ones((5, 2))

    def fall_back_and_foresee_once():
        while guard.flies:
            guard.learn(np.array([1.0, 4.0]), 0.1)
        guard.foresee(target, np.stack([ones, 0.1 * ones], axis=1), np.ones(2), np.full(5, 0.01))

    fall_back_and_foresee_once()
    while not guard.flies:
        guard.learn(np.array([4.0, 1.0]), 0.1)
    fall_back_and_foresee_once()
    assert guard.flies == 0


@pytest.mark.parametrize(("of_the_trained", "flies"), [(0.3, 1), (0.8, 2)])
def test_the_first_that_has_learned_flies_at_once_instead_of_a_trained_one(of_the_trained, flies):
    """Where it is better by far, as after a return of the world that the other was trained for."""
    guard = LiveGuard(SETTINGS, 2)
    while guard.flies != 2:
        guard.learn(np.array([4.0, 2.0, 1.0]), 0.1)
    target, ones = np.zeros((5, 2)), np.ones((5, 2))
    now = np.stack([ones, of_the_trained * ones], axis=1)
    for _ in range(4):  # 0.2 s
        guard.foresee(target, now, np.ones(2), np.full(5, 0.01))
    assert guard.flies == flies


def test_what_was_foreseen_is_of_what_flew_then():
    guard = LiveGuard(SETTINGS, 2)
    target, ones = np.zeros((5, 2)), np.ones((5, 2))
    better_by_far = (target, np.stack([ones, 0.1 * ones], axis=1), np.ones(2), np.full(5, 0.01))
    while guard.flies:
        guard.learn(np.array([1.0, 4.0, 4.0]), 0.1)
    guard.foresee(*better_by_far)
    while guard.flies != 2:
        guard.learn(np.array([4.0, 4.0, 1.0]), 0.1)
    guard.foresee(*better_by_far)
    assert guard.flies == 2
    guard.foresee(*better_by_far)
    guard.foresee(*better_by_far)
    assert guard.flies == 1
