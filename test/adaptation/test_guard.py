import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.guard import CandidateJudge, GuardSettings, LiveGuard

SETTINGS = GuardSettings()


@pytest.mark.parametrize(
    ("newest", "nominal", "named"),
    [
        ((0.9, 1.0), None, ""),
        ((0.9, 1.0), (1.01, 1.0), ""),
        ((1.1, 1.0), (0.5, 1.0), "newest labels"),
        ((0.9, 1.0), (1.03, 1.0), "nominal store"),
        ((math.nan, 1.0), None, "newest labels"),
        ((0.9, 1.0), (math.nan, 1.0), "nominal store"),
    ],
)
def test_candidate_must_be_nowhere_worse(newest, nominal, named):
    objection = CandidateJudge(SETTINGS).objection(newest, nominal)
    assert (named in objection) if named else objection == ""


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=200))
def test_never_rolls_back_while_the_adapted_is_no_worse(pairs):
    guard = LiveGuard(SETTINGS)
    for adapted, frozen in pairs:
        guard.learn(min(adapted, frozen), frozen, 0.1)
        assert not guard.must_roll_back


def test_rolls_back_after_patience_and_starts_over():
    guard, elapsed_s = LiveGuard(SETTINGS), 0.0
    while not guard.must_roll_back:
        guard.learn(4.0, 1.0, 0.1)
        elapsed_s += 0.1
        assert guard.gain == pytest.approx(-1.0)
    assert elapsed_s == pytest.approx(SETTINGS.patience_s, abs=0.21)
    guard.reset()
    assert math.isnan(guard.gain) and not guard.must_roll_back


def test_short_setback_is_outlived():
    guard = LiveGuard(SETTINGS)
    for _ in range(100):
        guard.learn(0.5, 1.0, 0.1)
    for _ in range(round(10 * SETTINGS.patience_s) - 1):
        guard.learn(4.0, 1.0, 0.1)
    assert not guard.must_roll_back
    for _ in range(100):
        guard.learn(0.5, 1.0, 0.1)
    assert guard.gain > 0.0
