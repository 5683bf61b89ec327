import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.detector_judge import DetectorJudge, JudgedLabel, JudgeLimits

LIMITS = JudgeLimits()
STEP_NS = 10_000_000
PER_OBJECT = 150  # labels of one object: 1.5 s, and half a second until the next one
SLIP = np.array([0.03, -0.04, 0.0])


def labels(slips, adapted_off=(), seed=0, speeds=(), camera_ages_s=()):
    """Labels of one object after another, slips[i] (3,) being how far off those of object i are.

    adapted_off[i] (3,): how far off the adapted network is there; the shipped one is right but for
    noise unless it says otherwise. speeds[i] [m/s]: of object i; 0.2 where left out.
    camera_ages_s[i]: what the age of its pictures rises from, up to the next one 33 ms later.
    """
    rng = np.random.default_rng(seed)
    made = []
    for track, slip in enumerate(slips):
        off = adapted_off[track] if track < len(adapted_off) else np.zeros(3)
        speed = speeds[track] if track < len(speeds) else 0.2
        age_s = camera_ages_s[track] if track < len(camera_ages_s) else np.nan
        for index in range(PER_OBJECT):
            truth = np.array([0.002 * index, 0.5, 0.4])
            made.append(
                JudgedLabel(
                    (track * (PER_OBJECT + 50) + index) * STEP_NS,
                    track,
                    truth + slip + 0.003 * rng.standard_normal(3),
                    truth + off + 0.005 * rng.standard_normal(3),
                    truth + 0.008 * rng.standard_normal(3),
                    np.array([speed, 0.0, 0.0]) + 0.006 * rng.standard_normal(3),
                    age_s + 0.01 * index % (1 / 30),
                )
            )
    return made


def believed(made, judge=None):
    """Numbers of the labels that pass."""
    judge = judge or DetectorJudge(LIMITS)
    place = {id(label): number for number, label in enumerate(made)}
    return [place[id(passed)] for label in made for passed in judge.take(label)]


def objects(numbers):
    return sorted({number // PER_OBJECT for number in numbers})


@given(st.integers(0, 2**16))
def test_honest_labels_all_pass_in_their_order(seed):
    made = labels([np.zeros(3)] * 4, seed=seed)
    assert believed(made) == list(range(len(made)))


def test_objects_on_which_the_detector_is_suddenly_off_are_refused():
    made = labels([np.zeros(3)] * 3 + [SLIP] * 2 + [np.zeros(3)] * 2)
    judge = DetectorJudge(LIMITS)
    numbers = believed(made[: 4 * PER_OBJECT], judge)
    assert objects(numbers) == [0, 1, 2]
    assert judge.is_distrusting
    assert objects(believed(made[4 * PER_OBJECT :], judge)) == [1, 2]  # of the rest: the honest
    assert not judge.is_distrusting


def test_a_slip_that_shows_less_on_the_next_object_is_not_believed_there():
    smaller = 0.5 * SLIP  # by itself within what the network may suddenly be off by
    assert objects(believed(labels([np.zeros(3)] * 3 + [smaller]))) == [0, 1, 2, 3]
    assert objects(believed(labels([np.zeros(3)] * 3 + [SLIP, smaller]))) == [0, 1, 2]


def test_what_lasts_is_believed():
    made = labels([np.zeros(3)] * 2 + [SLIP] * 6)
    numbers = np.array(believed(made))
    first = numbers[numbers >= 2 * PER_OBJECT][0]
    waited_s = (made[first].stamp_ns - made[2 * PER_OBJECT].stamp_ns) * 1e-9
    # It ends with the first label after that time, which those held with it go before; there are
    # none in the half seconds between objects.
    assert LIMITS.distrust_s - LIMITS.judged_s < waited_s <= LIMITS.distrust_s + 0.5
    assert set(range(first, len(made))) <= set(numbers.tolist())


def test_what_the_shipped_network_agrees_with_is_believed_at_once():
    """The adapted network has learned a slip; the detector is right again."""
    made = labels([SLIP] * 2 + [np.zeros(3)] * 2, adapted_off=[SLIP] * 4)
    judge = DetectorJudge(LIMITS)
    assert believed(made, judge) == list(range(len(made)))


def test_error_that_grows_while_an_object_is_followed_is_the_worlds():
    made = labels([np.zeros(3)] * 2)
    moved = [
        JudgedLabel(x.stamp_ns, x.track, x.position + SLIP * (n >= 1.5 * PER_OBJECT), *said)
        for n, x in enumerate(made)
        for said in [(x.adapted, x.frozen, x.velocity)]
    ]
    assert believed(moved) == list(range(len(made)))


@pytest.mark.parametrize(("speed", "all_pass"), [(0.2, False), (0.32, True), (np.nan, False)])
def test_where_objects_move_otherwise_it_is_the_world_that_has_changed(speed, all_pass):
    slips = [np.zeros(3)] * 2 + [SLIP] * 2
    made = labels(slips, speeds=[0.2, 0.2, speed, speed])
    assert (believed(made) == list(range(len(made)))) == all_pass


@pytest.mark.parametrize(
    ("ages_s", "all_pass"),
    [
        ((0.03, 0.18), True),
        ((0.18, 0.03), True),
        ((0.03, 0.04), False),
        ((0.03, np.inf), False),
        ((np.nan, 0.18), False),
    ],
)
def test_where_pictures_come_later_or_sooner_it_is_the_network_that_is_off(ages_s, all_pass):
    before, after = ages_s
    slips = [np.zeros(3)] * 2 + [SLIP] * 2
    made = labels(slips, camera_ages_s=[before, before, after, after])
    assert (believed(made) == list(range(len(made)))) == all_pass


@pytest.mark.parametrize("count", [1, 5])
def test_labels_of_an_object_that_was_seen_too_briefly_to_judge_do_not_pass(count):
    made = labels([np.zeros(3)] * 2)
    short = made[:PER_OBJECT] + made[PER_OBJECT : PER_OBJECT + count]
    assert len(believed(short)) == PER_OBJECT


def test_cleared_judge_believes_whatever_comes_first():
    judge = DetectorJudge(LIMITS)
    believed(labels([np.zeros(3)] * 2), judge)
    judge.clear()
    assert len(believed(labels([SLIP], seed=1), judge)) == PER_OBJECT


def test_labels_to_come_are_judged_as_they_will_be():
    """Of a new object by what they look like, of one that is known by what was found."""
    made = labels([np.zeros(3), SLIP, np.zeros(3)])
    judge = DetectorJudge(LIMITS)
    for track in range(3):
        part = [label for label in made if label.track == track]
        assert judge.verdict(track) is None
        assert judge.would_believe(part[:20]) == (track != 1)
        passed = believed(part, judge)
        assert judge.verdict(track) == bool(passed) == (track != 1)
