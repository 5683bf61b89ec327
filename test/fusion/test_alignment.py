"""Stamps that are accepted, ages, and when an observation is due."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.fusion.alignment import NANOSECONDS, Stream, TickSchedule

MS = 1_000_000
PERIOD = 10 * MS
START = 1000 * NANOSECONDS


@given(st.lists(st.integers(-500 * MS, 500 * MS), min_size=1, max_size=60))
def test_a_stream_accepts_only_rising_stamps_whatever_the_order_of_arrival(offsets):
    stream, newest = Stream(0.05, 0.1), None
    for offset in offsets:
        stamp = START + offset
        fits = offset <= 100 * MS and (newest is None or stamp > newest)
        if fits:
            continues = newest is not None and stamp - newest <= 50 * MS
            assert stream.accept(stamp, START) == continues
            newest = stamp
        else:
            with pytest.raises(ValueError, match="back|future"):
                stream.accept(stamp, START)
    age = math.inf if newest is None else max(0.0, (START - newest) / NANOSECONDS)
    assert stream.age_s(START) == age


def test_a_reset_stream_accepts_older_stamps():
    stream = Stream(0.05, 0.1)
    stream.accept(START, START)
    stream.reset()
    assert stream.age_s(START) == math.inf
    assert not stream.accept(5, 5)


def run_schedule(stamps, delays, timer_step=MS):
    """Ticks for joint samples that arrive `delays` after their stamps, and a fine timer."""
    schedule, ticks = TickSchedule(100.0), []
    arrivals = sorted(zip(np.add(stamps, delays).tolist(), stamps, strict=True))
    now = arrivals[0][0]
    for arrival, stamp in arrivals:
        while now < arrival:
            if schedule.is_overdue(now):
                ticks.append((now, now))
            now += timer_step
        if schedule.is_due(stamp):
            ticks.append((arrival, stamp))
    return ticks


@settings(max_examples=50)
@given(data=st.data(), rate=st.sampled_from([25, 50, 90, 100, 125, 250, 500, 1000]))
def test_ticks_rise_and_keep_the_rate_whatever_the_joints_rate_jitter_and_order(data, rate):
    count = rate  # one second of samples
    jitter = st.integers(-2 * MS, 2 * MS)
    jitters = data.draw(st.lists(jitter, min_size=count, max_size=count))
    delays = data.draw(st.lists(st.integers(0, 3 * MS), min_size=count, max_size=count))
    stamps = [START + i * NANOSECONDS // rate + j for i, j in enumerate(jitters)]
    ticks = run_schedule(stamps, delays)
    tick_stamps = np.array([stamp for _, stamp in ticks])
    assert (np.diff(tick_stamps) > 0).all()
    span_s = (tick_stamps[-1] - tick_stamps[0]) / NANOSECONDS
    assert len(ticks) - 1 == pytest.approx(100.0 * span_s, abs=2)


@settings(max_examples=50)
@given(st.lists(st.integers(-2 * MS, 2 * MS), min_size=50, max_size=50))
def test_at_the_same_rate_every_joint_sample_makes_one_tick(jitters):
    schedule = TickSchedule(100.0)
    assert all(schedule.is_due(START + i * PERIOD + j) for i, j in enumerate(jitters))


def test_without_joints_the_clock_makes_the_ticks():
    schedule = TickSchedule(100.0)
    assert schedule.is_due(START)
    ticks = [t for t in range(START, START + 100 * MS, MS) if schedule.is_overdue(t)]
    assert ticks[0] == START + 15 * MS
    assert np.diff(ticks).tolist() == [PERIOD] * (len(ticks) - 1)


def test_after_a_pause_ticks_do_not_catch_up():
    schedule = TickSchedule(100.0)
    schedule.is_due(START)
    later = START + 5 * NANOSECONDS
    assert schedule.is_due(later)
    assert not schedule.is_due(later + 2 * MS)
    assert schedule.is_due(later + PERIOD)


def test_a_reset_schedule_starts_anew_at_an_earlier_time():
    schedule = TickSchedule(100.0)
    schedule.is_due(START)
    assert not schedule.is_due(5 * MS)
    schedule.reset()
    assert schedule.is_due(5 * MS)


def test_another_rate_counts_from_the_newest_tick_on():
    schedule = TickSchedule(100.0)
    assert schedule.is_due(START)
    assert schedule.is_due(START + PERIOD)
    schedule.change_rate(50.0)
    ticks = [t for t in range(START, START + 10 * PERIOD, MS) if schedule.is_due(t)]
    # As ever, up to half a period before it is due.
    assert ticks[0] == START + 2 * PERIOD + MS
    assert np.diff(ticks).tolist() == [2 * PERIOD] * (len(ticks) - 1)


def test_a_rate_may_change_before_the_first_tick():
    schedule = TickSchedule(100.0)
    schedule.change_rate(50.0)
    assert schedule.is_due(START)
    assert not schedule.is_due(START + PERIOD)
    assert schedule.is_due(START + 2 * PERIOD)
