import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.hindsight import ObjectTrack, TrackLimits

PERIOD_NS = 50_000_000
SECOND = 1_000_000_000
LIMITS = TrackLimits(max_gap_s=0.15, max_speed_m_s=1.0, seen_before_s=0.0)


def observed(stamps_ns, positions) -> ObjectTrack:
    track = ObjectTrack(LIMITS, history_s=60.0)
    for stamp_ns, position in zip(stamps_ns, positions, strict=True):
        track.observe(int(stamp_ns), position)
    return track


@given(
    start=st.lists(st.floats(-1, 1), min_size=3, max_size=3),
    velocity=st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3),
    horizon_s=st.floats(0.0, 0.6),
    offset_ns=st.integers(0, PERIOD_NS),
)
def test_labels_are_exact_on_linear_motion(start, velocity, horizon_s, offset_ns):
    start, velocity = np.array(start), np.array(velocity)
    stamps = np.arange(40) * PERIOD_NS
    track = observed(stamps, [start + velocity * (s / SECOND) for s in stamps])
    wanted = np.arange(0, 30) * PERIOD_NS // 2 + offset_ns
    labels = track.labels(wanted, horizon_s)
    assert labels.known.all()
    then = (wanted + round(horizon_s * SECOND)) / SECOND
    np.testing.assert_allclose(labels.position, start + then[:, None] * velocity, atol=1e-12)


@given(
    changes=st.lists(st.integers(1, 60), max_size=6),
    missing=st.sets(st.integers(0, 60), max_size=25),
    horizon_s=st.floats(0.0, 0.5),
)
def test_no_label_spans_a_change_of_object_and_every_unbroken_one_is_given(
    changes, missing, horizon_s
):
    """Objects 0.4 m and more apart follow each other; the detector misses some frames."""
    objects = np.cumsum([index in changes for index in range(61)])
    kept = [index for index in range(61) if index not in missing]
    stamps = np.array(kept) * PERIOD_NS
    position = [
        [0.2 * s / SECOND - 0.4 * objects[i], 0.5, 0.4] for i, s in zip(kept, stamps, strict=True)
    ]
    track = observed(stamps, position)
    wanted = np.arange(0, 61 * PERIOD_NS, PERIOD_NS // 5)
    labels = track.labels(wanted, horizon_s)
    then = wanted + round(horizon_s * SECOND)
    for now_ns, then_ns, known in zip(wanted, then, labels.known, strict=True):
        inside = [i for i in kept if now_ns < i * PERIOD_NS < then_ns]
        before = [i for i in kept if i * PERIOD_NS <= now_ns][-1:]
        after = [i for i in kept if i * PERIOD_NS >= then_ns][:1]
        if not before or not after:
            assert not known
            continue
        chain = sorted({*before, *inside, *after})
        same = objects[chain[0]] == objects[chain[-1]]
        unbroken = all(np.diff(np.array(chain) * PERIOD_NS) <= 150_000_000)
        assert not known or (same and unbroken)
        # An object that was seen but once may be an outlier.
        confirmed = all(
            any(abs(i - j) in (1, 2, 3) and objects[i] == objects[j] for j in kept) for i in chain
        )
        assert known or not (same and unbroken and confirmed)
    np.testing.assert_array_equal(np.isnan(labels.position).any(axis=1), ~labels.known)


@given(st.integers(0, 120_000_000))
def test_object_must_have_been_seen_before_the_sample(seen_before_ns):
    """One object until 1 s, another from 1.05 s on."""
    limits = TrackLimits(seen_before_s=seen_before_ns / SECOND)
    track = ObjectTrack(limits, history_s=60.0)
    for index in range(41):
        track.observe(index * PERIOD_NS, [0.0 if index <= 20 else -0.5, 0.5, 0.4])
    wanted = np.arange(SECOND, 3 * SECOND // 2, 5_000_000)
    labels = track.labels(wanted, horizon_s=0.3)
    np.testing.assert_array_equal(labels.known, wanted >= SECOND + PERIOD_NS + seen_before_ns)


def test_future_is_not_labelled_before_it_was_observed():
    track = observed(np.arange(5) * PERIOD_NS, np.zeros((5, 3)))
    newest = 4 * PERIOD_NS
    labels = track.labels([newest - 100_000_000, newest - 100_000_000 + 1], horizon_s=0.1)
    assert labels.known.tolist() == [True, False]


@pytest.mark.parametrize(
    "position", [[np.nan, 0, 0], [0, np.inf, 0], [0, 0], [[0, 0, 0]]], ids=str
)
def test_bad_position_is_refused_and_leaves_the_track_alone(position):
    track = observed([0, PERIOD_NS], np.zeros((2, 3)))
    with pytest.raises(ValueError, match="finite"):
        track.observe(2 * PERIOD_NS, position)
    assert track.settled_ns == PERIOD_NS


def test_detection_that_is_not_later_is_refused():
    track = observed([0, PERIOD_NS], np.zeros((2, 3)))
    for stamp_ns in (0, PERIOD_NS):
        with pytest.raises(ValueError, match="not later"):
            track.observe(stamp_ns, np.zeros(3))


def test_old_detections_are_forgotten():
    track = ObjectTrack(LIMITS, history_s=1.0)
    for index in range(100):
        track.observe(index * PERIOD_NS, np.zeros(3))
    newest = 99 * PERIOD_NS
    labels = track.labels([newest - SECOND, newest - SECOND - 1], horizon_s=0.0)
    assert labels.known.tolist() == [True, False]


def test_without_detections_nothing_is_labelled():
    labels = ObjectTrack(LIMITS, history_s=1.0).labels([0, 1], horizon_s=0.3)
    assert not labels.known.any()


def moving(index: int) -> np.ndarray:
    return np.array([0.2 * index * PERIOD_NS / SECOND, 0.5, 0.4])


def labelled_indices(track: ObjectTrack, count: int, horizon_s=0.1) -> set[int]:
    labels = track.labels(np.arange(count) * PERIOD_NS, horizon_s)
    return set(np.flatnonzero(labels.known).tolist())


@given(st.sets(st.integers(1, 38), max_size=6), st.floats(0.1, 2.0))
def test_single_outliers_are_forgotten_and_the_track_goes_on(wrong, distance_m):
    """Outliers that do not follow each other are left out; labels around them are interpolated."""
    wrong = {index for index in wrong if index - 1 not in wrong and index + 1 not in wrong}
    wrong = {index for index in wrong if index - 2 not in wrong and index + 2 not in wrong}
    positions = [moving(i) + (distance_m if i in wrong else 0.0) for i in range(40)]
    track = observed(np.arange(40) * PERIOD_NS, positions)
    labels = track.labels(np.arange(36) * PERIOD_NS, 0.1)
    assert labels.known.all()
    then = np.array([moving(index + 2) for index in range(36)])
    np.testing.assert_allclose(labels.position, then, atol=1e-9)


def test_frozen_detector_is_not_believed_and_a_resting_object_is():
    frozen = [moving(min(i, 40)) for i in range(60)]
    known = labelled_indices(observed(np.arange(60) * PERIOD_NS, frozen), 57)
    assert known == set(range(39))
    resting = observed(np.arange(60) * PERIOD_NS, [moving(0)] * 60)
    assert labelled_indices(resting, 57) == set(range(57))


@pytest.mark.parametrize("seen", [1, 2])
def test_detector_that_freezes_on_a_new_object_is_not_believed_either(seen):
    """Seen too briefly for a velocity of its own, the new object is taken to move as the last."""
    positions = [moving(i) for i in range(40)]
    positions += [moving(i) - [0.8, 0.0, 0.0] for i in range(40, 40 + seen)]
    positions += [positions[-1]] * 60
    track = observed(np.arange(len(positions)) * PERIOD_NS, positions)
    assert labelled_indices(track, len(positions) - 3) <= set(range(39))


def test_object_followed_is_told_by_its_newest_detections():
    stamps = np.arange(30) * PERIOD_NS
    positions = np.array([[0.01 * (index % 20), 0.5 * (index // 20), 0.0] for index in range(30)])
    track = ObjectTrack(LIMITS, history_s=60.0)
    assert track.newest(0.4) is None
    for stamp_ns, position in zip(stamps, positions, strict=True):
        track.observe(int(stamp_ns), position)
    followed = track.newest(0.2)  # the second object, seen from detection 20 on
    assert followed.track == 1 and followed.begun_ns == stamps[20]
    np.testing.assert_array_equal(followed.stamps_ns, stamps[25:])
    np.testing.assert_array_equal(followed.positions, positions[25:])
    track.observe(int(stamps[-1]) + PERIOD_NS, [5.0, 5.0, 5.0])
    assert track.newest(0.2) is None  # that one may be an outlier
