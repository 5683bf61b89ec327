"""Sample clocks and latency queues."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.sim.latency import LatencyQueue, SampleClock


@given(st.floats(1.0, 100.0), st.integers(1, 3000))
def test_a_clock_keeps_its_rate_on_average_at_any_tick(rate_hz, ticks):
    clock = SampleClock(rate_hz)
    taken = sum(clock.due(0.01 * tick) for tick in range(ticks))
    assert taken == pytest.approx(0.01 * (ticks - 1) * rate_hz + 1, abs=1.0 + 1e-6)


def test_a_clock_of_30_hz_fires_at_ticks_of_10_ms_without_drift():
    clock = SampleClock(30.0)
    fired = np.array([tick for tick in range(30_000) if clock.due(tick * 0.01)])
    assert len(fired) == 9000
    assert set(np.diff(fired)) == {3, 4}


def test_a_clock_of_the_tick_rate_fires_every_tick_though_times_are_sums():
    clock = SampleClock(100.0)
    time_s = 0.0
    for _ in range(5000):
        assert clock.due(time_s)
        time_s += 0.01


def test_a_clock_that_was_not_asked_for_long_fires_once():
    clock = SampleClock(10.0)
    assert clock.due(5.0)
    assert not clock.due(5.01)
    assert clock.due(5.1)


def test_a_rate_must_be_positive():
    with pytest.raises(ValueError, match="rate_hz"):
        SampleClock(0.0)


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=40))
def test_items_come_in_order_and_never_before_their_latency(latencies):
    queue: LatencyQueue[int] = LatencyQueue()
    came = []
    for tick in range(2 * len(latencies) + 60):
        time_s = 0.033 * tick
        if tick < len(latencies):
            queue.push(tick, time_s, latencies[tick])
        item = queue.pop(time_s)
        if item is not None:
            came.append(item)
            assert time_s >= 0.033 * item + latencies[item] - 1e-5
    assert came == list(range(len(latencies)))


def test_an_item_comes_at_the_very_tick_of_its_latency():
    queue: LatencyQueue[str] = LatencyQueue()
    queue.push("frame", 0.1, 0.2)
    assert queue.pop(0.29) is None
    assert queue.pop(0.1 + 0.2) == "frame"
    assert queue.pop(10.0) is None


def test_a_shorter_latency_does_not_overtake():
    queue: LatencyQueue[str] = LatencyQueue()
    queue.push("late", 0.0, 0.5)
    queue.push("early", 0.1, 0.0)
    assert queue.pop(0.2) is None
    assert queue.pop(0.5) == "late"
    assert queue.pop(0.5) == "early"
