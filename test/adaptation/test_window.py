import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.window import SlidingWindow

STEP_NS = 10_000_000


def sample(index: int) -> tuple[int, float, np.ndarray, bool, np.ndarray]:
    features = np.full(3, index, np.float32)
    return index * STEP_NS, 0.01 * index, features, index % 3 != 0, np.full(2, -index, np.float32)


@given(st.integers(1, 12), st.integers(1, 60))
def test_window_is_the_newest_samples_in_order_with_the_state_before_the_first(capacity, count):
    window = SlidingWindow(capacity, features=3, hidden=2, max_gap_s=0.03)
    for index in range(count):
        window.append(*sample(index))
        kept = list(range(max(0, index + 1 - capacity), index + 1))
        assert len(window) == len(kept)
        snapshot = window.snapshot()
        np.testing.assert_array_equal(snapshot.stamps_ns, np.array(kept) * STEP_NS)
        np.testing.assert_array_equal(snapshot.dt_s, 0.01 * np.array(kept))
        np.testing.assert_array_equal(snapshot.features[:, 0], kept)
        np.testing.assert_array_equal(snapshot.usable, [i % 3 != 0 for i in kept])
        np.testing.assert_array_equal(snapshot.initial_hidden_state, [-kept[0]] * 2)


@given(st.integers(-50_000_000, 50_000_000).filter(bool))
def test_only_a_later_stamp_within_the_gap_limit_continues_the_stream(offset_ns):
    window = SlidingWindow(5, features=3, hidden=2, max_gap_s=0.03)
    window.append(*sample(100))
    follows = 0 < offset_ns <= 30_000_000
    assert window.follows(100 * STEP_NS + offset_ns) == follows
    if not follows:
        with pytest.raises(ValueError, match="does not follow"):
            window.append(100 * STEP_NS + offset_ns, *sample(0)[1:])


def test_cleared_window_takes_any_stamp():
    window = SlidingWindow(5, features=3, hidden=2, max_gap_s=0.03)
    window.append(*sample(100))
    window.clear()
    assert len(window) == 0
    window.append(*sample(1))
    assert window.snapshot().stamps_ns.tolist() == [STEP_NS]


def test_snapshot_does_not_change_when_samples_arrive():
    window = SlidingWindow(4, features=3, hidden=2, max_gap_s=0.03)
    for index in range(4):
        window.append(*sample(index))
    snapshot = window.snapshot()
    for index in range(4, 12):
        window.append(*sample(index))
    assert snapshot.features[:, 0].tolist() == [0, 1, 2, 3]


def test_an_empty_window_has_no_snapshot():
    with pytest.raises(ValueError, match="empty"):
        SlidingWindow(4, features=3, hidden=2, max_gap_s=0.03).snapshot()
