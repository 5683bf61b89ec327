from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.weight_line import WeightLine

SECOND = 1_000_000_000


@given(st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=40))
def test_every_published_version_is_newer_than_all_published_or_reported_before(events):
    """None: an update is published; a number: the receiver reports that version."""
    line, newest = WeightLine(patience_s=2.0), 0
    for index, reported in enumerate(events):
        if reported is None:
            assert line.publish() == newest + 1
            newest += 1
        else:
            line.report(reported, index * SECOND)
            newest = max(newest, reported)


def test_new_trainer_goes_on_from_the_version_that_flies():
    line = WeightLine(patience_s=2.0)
    line.report(41, 0)
    assert not line.is_foreign
    assert line.publish() == 42


def test_published_version_is_awaited_until_it_is_reported():
    line = WeightLine(patience_s=2.0)
    line.report(0, 0)
    assert not line.is_awaited
    line.publish()
    line.report(0, 1)
    assert line.is_awaited
    line.report(1, 2)
    assert not line.is_awaited


def test_version_that_the_receiver_goes_on_without_is_lost_after_the_patience():
    line = WeightLine(patience_s=2.0)
    line.report(0, 0)
    line.publish()
    line.report(0, 1 * SECOND)
    line.report(0, 3 * SECOND)
    assert not line.is_lost
    line.report(0, 3 * SECOND + 1)
    assert line.is_lost
    line.give_up()
    assert not line.is_lost
    assert not line.is_awaited
    assert line.publish() == 2


def test_receiver_that_says_nothing_loses_nothing():
    """It may have died; a new one gets the update from the latched topic."""
    line = WeightLine(patience_s=2.0)
    line.report(0, 0)
    line.publish()
    line.report(0, SECOND)
    line.report(1, 100 * SECOND)
    assert not line.is_lost


def test_taken_back_weights_are_noticed():
    line = WeightLine(patience_s=2.0)
    line.report(0, 0)
    line.publish()
    line.report(1, SECOND)
    for second in range(2, 6):
        line.report(0, second * SECOND)
    assert line.is_lost


def test_another_trainers_version_is_foreign():
    line = WeightLine(patience_s=2.0)
    line.report(0, 0)
    line.publish()
    line.report(2, SECOND)
    assert line.is_foreign
    assert line.publish() == 3
    assert not line.is_foreign
