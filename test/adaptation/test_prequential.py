import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.hindsight import ObjectTrack, TrackLimits
from liquid_adapt_ros.adaptation.prequential import PrequentialScore

STEP_NS = 10_000_000
SECOND = 1_000_000_000
HORIZON_S = 0.3


def rmse(errors: np.ndarray) -> float:
    return float(np.sqrt((errors**2).sum(axis=1).mean()))


@given(
    seed=st.integers(0, 2**32 - 1),
    adapted_lost=st.sets(st.integers(0, 399), max_size=40),
    frozen_lost=st.sets(st.integers(0, 399), max_size=40),
    delay=st.integers(0, 20),
)
def test_streamed_score_equals_a_batch_recomputation(seed, adapted_lost, frozen_lost, delay):
    """Messages come interleaved, detections late, some predictions never; one object change."""
    rng = np.random.default_rng(seed)
    change = int(rng.integers(50, 350))
    path = np.outer(np.arange(400) / 400, rng.uniform(-0.5, 0.5, 3))
    path[change:, 0] -= 0.5
    adapted, frozen = path + rng.normal(0, 0.02, (2, 400, 3))
    track = ObjectTrack(TrackLimits(), history_s=60.0)
    score = PrequentialScore(HORIZON_S, span_s=1.0)
    for tick in range(400):
        if tick not in frozen_lost:
            score.predict_frozen(tick * STEP_NS, frozen[tick])
        if tick not in adapted_lost:
            score.predict_adapted(tick * STEP_NS, adapted[tick])
        seen = tick - delay
        if seen >= 0 and seen % 5 == 0:
            track.observe(seen * STEP_NS, path[seen])
            score.settle(track)

    stamps = np.arange(400) * STEP_NS
    labels = track.labels(stamps, HORIZON_S)
    lost = np.isin(np.arange(400), list(adapted_lost | frozen_lost))
    scored = labels.known & ~lost
    recent = scored & (stamps >= stamps[scored].max() - SECOND)
    for found, rows in ((score.cumulative(), scored), (score.sliding(), recent)):
        assert found.samples == rows.sum()
        assert found.newest_ns == stamps[rows].max()
        assert found.span_s == pytest.approx(np.ptp(stamps[rows]) / SECOND)
        assert found.adapted_rmse_m == pytest.approx(rmse((adapted - labels.position)[rows]))
        assert found.frozen_rmse_m == pytest.approx(rmse((frozen - labels.position)[rows]))
        ratio = found.adapted_rmse_m / found.frozen_rmse_m
        assert found.gain_percent == pytest.approx(100 * (1 - ratio))


def resting_track(seconds: float) -> ObjectTrack:
    """An object at the origin, observed from long before the first prediction."""
    track = ObjectTrack(TrackLimits(), history_s=60.0)
    for index in range(round(seconds * 20) + 4):
        track.observe((index - 4) * 50_000_000, np.zeros(3))
    return track


def test_every_sample_is_scored_once():
    score = PrequentialScore(HORIZON_S, span_s=5.0)
    score.predict_frozen(STEP_NS, np.ones(3))
    score.predict_adapted(STEP_NS, np.zeros(3))
    track = resting_track(1.0)
    assert [score.settle(track), score.settle(track)] == [1, 0]
    assert score.cumulative().samples == 1


def test_prediction_that_comes_after_its_label_still_counts():
    score = PrequentialScore(HORIZON_S, span_s=5.0)
    track = resting_track(1.0)
    score.predict_frozen(STEP_NS, np.ones(3))
    assert score.settle(track) == 0
    score.predict_adapted(STEP_NS, np.zeros(3))
    assert score.settle(track) == 1
    assert score.sliding().gain_percent == pytest.approx(100.0)


def test_without_samples_the_score_is_nan():
    score = PrequentialScore(HORIZON_S, span_s=5.0)
    assert score.settle(ObjectTrack(TrackLimits(), history_s=1.0)) == 0
    for found in (score.sliding(), score.cumulative()):
        assert found.samples == 0
        assert np.isnan([found.adapted_rmse_m, found.frozen_rmse_m, found.gain_percent]).all()


def test_forgetting_keeps_the_totals():
    score = PrequentialScore(HORIZON_S, span_s=5.0)
    score.predict_frozen(STEP_NS, np.ones(3))
    score.predict_adapted(STEP_NS, np.zeros(3))
    score.settle(resting_track(1.0))
    score.forget_recent()
    assert score.sliding().samples == 0
    assert score.cumulative().samples == 1


def test_unanswered_predictions_do_not_pile_up():
    score = PrequentialScore(HORIZON_S, span_s=5.0, max_pending=10)
    for tick in range(100):
        score.predict_frozen(tick * STEP_NS, np.zeros(3))
        score.predict_adapted(tick * STEP_NS, np.zeros(3))
    assert score.settle(resting_track(5.0)) == 10


def test_prediction_that_is_not_finite_is_refused():
    score = PrequentialScore(HORIZON_S, span_s=5.0)
    with pytest.raises(ValueError, match="finite"):
        score.predict_adapted(STEP_NS, [0.0, np.nan, 0.0])
