"""Pacing against a made-up steady clock."""

from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.nodes.pacing import MAX_BACKLOG_S, MAX_TICKS_AT_ONCE, Pacer

PERIOD_S = 0.01


def test_one_tick_per_period_and_none_before():
    pacer = Pacer(PERIOD_S, 1.0, now_s=5.0)
    assert pacer.due(5.009) == 0
    assert [pacer.due(5.0 + PERIOD_S * k + 1e-6) for k in range(1, 5)] == [1, 1, 1, 1]
    assert pacer.late_ticks == 0


@given(delays=st.lists(st.floats(0.0, 0.05), min_size=50, max_size=50))
def test_delays_shorter_than_the_backlog_limit_do_not_add_up(delays):
    pacer = Pacer(PERIOD_S, 1.0, now_s=0.0)
    now_s, ticks = 0.0, 0
    for delay_s in delays:
        now_s += delay_s
        ticks += pacer.due(now_s)
    while count := pacer.due(now_s):
        ticks += count
    assert abs(ticks - now_s / PERIOD_S) <= 1.0


def test_a_long_stall_is_given_up_and_the_deadlines_stay_in_phase():
    pacer = Pacer(PERIOD_S, 1.0, now_s=0.0)
    now_s = 10 * MAX_BACKLOG_S + 0.2 * PERIOD_S
    assert pacer.due(now_s) == 1
    assert pacer.due(now_s) == 0
    on_time_s = now_s + PERIOD_S
    late_before = pacer.late_ticks
    assert pacer.due(on_time_s) == 1
    assert pacer.late_ticks == late_before


def test_catching_up_leaves_room_for_commands():
    pacer = Pacer(PERIOD_S, 1.0, now_s=0.0)
    assert pacer.due(0.2) == MAX_TICKS_AT_ONCE


def test_late_ticks_are_counted():
    pacer = Pacer(PERIOD_S, 1.0, now_s=0.0)
    assert pacer.due(0.032) == 3
    assert pacer.late_ticks == 2


def test_the_achieved_real_time_factor_is_measured():
    pacer = Pacer(PERIOD_S, 0.5, now_s=0.0)
    for k in range(1, 201):
        pacer.due(k * 0.02 + 1e-6)
    assert abs(pacer.real_time_factor() - 0.5) < 0.01
