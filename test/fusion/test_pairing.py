"""Colour and depth come together by their stamps."""

from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.fusion.pairing import StampPairs

MS = 1_000_000


def feed(pairs, events):
    """Returns the pairs made; events are (stream, stamp) in order of arrival."""
    made = []
    for stream, stamp in events:
        add = pairs.add_first if stream == 0 else pairs.add_second
        pair = add(stamp, (stream, stamp))
        if pair is not None:
            made.append(pair)
    return made


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 40)), max_size=80))
def test_each_picture_is_used_once_and_only_with_a_partner_of_its_time(events):
    events = list(dict.fromkeys((stream, stamp * 7 * MS) for stream, stamp in events))
    pairs = StampPairs(0.005)
    made = feed(pairs, events)
    for stamp, first, second in made:
        assert first == (0, stamp) and second[0] == 1
        assert abs(first[1] - second[1]) <= 5 * MS
    used = [item for _, first, second in made for item in (first, second)]
    assert len(used) == len(set(used))
    assert len(used) + pairs.take_unmatched() <= len(events)


@given(st.permutations([0, 0, 0, 1, 1, 1]), st.integers(0, 5 * MS))
def test_streams_in_order_give_every_pair_whichever_runs_ahead(order, skew):
    stamps = {0: iter((0, 33 * MS, 66 * MS)), 1: iter((skew, 33 * MS + skew, 66 * MS + skew))}
    made = feed(StampPairs(0.005), [(stream, next(stamps[stream])) for stream in order])
    assert sorted(stamp for stamp, _, _ in made) == [0, 33 * MS, 66 * MS]


def test_a_lost_partner_is_counted_and_does_not_block():
    pairs = StampPairs(0.005)
    made = feed(pairs, [(0, 0), (0, 33 * MS), (1, 33 * MS), (0, 66 * MS), (1, 66 * MS)])
    assert [stamp for stamp, _, _ in made] == [33 * MS, 66 * MS]
    assert pairs.take_unmatched() == 1 and pairs.take_unmatched() == 0


def test_one_stream_alone_keeps_little():
    pairs = StampPairs(0.005)
    feed(pairs, [(0, i * 33 * MS) for i in range(100)])
    assert pairs.take_unmatched() == 96


def test_reset_forgets_what_waits():
    pairs = StampPairs(0.005)
    pairs.add_first(0, "old")
    pairs.reset()
    assert pairs.add_second(0, "new") is None
