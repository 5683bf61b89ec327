import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.desired_action import CommandHistory

STEP_NS = 10_000_000


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=30),
    st.sets(st.integers(-30, 1300), max_size=20),
)
def test_nearest_commands_within_tolerance_are_found(steps, wanted):
    stamps_ms, wanted_ms = np.cumsum(steps), np.array(sorted(wanted), np.int64)
    history = CommandHistory(size=1, tolerance_s=0.006, history_s=60.0)
    for stamp_ms in stamps_ms:
        history.observe(int(stamp_ms) * 1_000_000, [float(stamp_ms)])
    assert history.settled_ns == (stamps_ms[-1] - 6) * 1_000_000
    found = history.at(wanted_ms * 1_000_000)
    assert found.shape == (len(wanted), 1)
    for value, at_ms in zip(found[:, 0], wanted_ms, strict=True):
        distance = np.abs(stamps_ms - at_ms)
        if distance.min() <= 6:
            assert abs(value - at_ms) == distance.min()
        else:
            assert np.isnan(value)


def test_values_that_the_planner_left_open_stay_open():
    history = CommandHistory(size=2, tolerance_s=0.006, history_s=1.0)
    history.observe(STEP_NS, [1.0, np.nan])
    np.testing.assert_array_equal(history.at([STEP_NS]), [[1.0, np.nan]])


def test_bad_command_is_refused():
    history = CommandHistory(size=2, tolerance_s=0.006, history_s=1.0)
    history.observe(STEP_NS, [0.0, 0.0])
    with pytest.raises(ValueError, match="2 values"):
        history.observe(2 * STEP_NS, [0.0])
    with pytest.raises(ValueError, match="infinities"):
        history.observe(2 * STEP_NS, [0.0, np.inf])
    with pytest.raises(ValueError, match="not later"):
        history.observe(STEP_NS, [0.0, 0.0])


def test_without_commands_everything_is_open():
    history = CommandHistory(size=2, tolerance_s=0.006, history_s=1.0)
    assert np.isnan(history.at([0, STEP_NS])).all()
    assert history.settled_ns is None


def test_old_commands_are_forgotten():
    history = CommandHistory(size=1, tolerance_s=0.0, history_s=1.0)
    for index in range(300):
        history.observe(index * STEP_NS, [0.0])
    assert np.isnan(history.at([198 * STEP_NS]))[0, 0]
    assert history.at([199 * STEP_NS])[0, 0] == 0.0


def test_newest_commands_are_those_from_an_instant_on():
    history = CommandHistory(size=2, tolerance_s=0.006, history_s=60.0)
    assert [part.shape for part in history.newest(0)] == [(0,), (0, 2)]
    for tick in range(5):
        history.observe(tick * STEP_NS, [tick, np.nan])
    stamps_ns, values = history.newest(3 * STEP_NS)
    np.testing.assert_array_equal(stamps_ns, [3 * STEP_NS, 4 * STEP_NS])
    np.testing.assert_array_equal(values, [[3.0, np.nan], [4.0, np.nan]])
