import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streams import PARAMS, SPEC, follow, rmse, stream

from liquid_adapt_ros.adaptation.correction_record import CorrectionRecord
from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.guard import GuardSettings


def labels(seed: int, count: int, outputs: int) -> tuple[np.ndarray, ...]:
    """Corrections, what was asked for, which follows them by halves, and how much each counts."""
    rng = np.random.default_rng(seed)
    correction = rng.standard_normal((count, outputs))
    asked = rng.uniform(-1.0, 1.0, outputs) * correction + rng.standard_normal((count, outputs))
    return correction, asked, rng.uniform(0.0, 1.0, (count, outputs))


def test_what_is_used_is_twice_the_share_that_weighted_least_squares_finds():
    memory, variance = 40.0, 0.3
    correction, asked, counts = labels(0, 120, 4)
    record = CorrectionRecord(4, memory)
    for rows in (slice(0, 50), slice(50, 51), slice(51, 120)):
        record.learn(correction[rows], asked[rows], counts[rows])
    for output in range(4):
        # All labels of one call are as old as each other.
        batches = [counts[rows, output] for rows in (slice(0, 50), slice(50, 51), slice(51, 120))]
        after = np.cumsum([batch.sum() for batch in batches])
        kept = np.exp((after - after[-1]) / memory)
        weight = np.concatenate([part * batch for part, batch in zip(kept, batches, strict=True)])
        # One sample of the noise's size that asked for all of its correction.
        rows = np.append(correction[:, output] * np.sqrt(weight), np.sqrt(variance))
        wanted = np.append(asked[:, output] * np.sqrt(weight), np.sqrt(variance))
        share = np.linalg.lstsq(rows[:, None], wanted, rcond=None)[0][0]
        used = record.used(np.full(4, variance))[output]
        assert used == pytest.approx(np.clip(2.0 * share, 0.0, 1.0), abs=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_what_is_used_would_have_left_no_more_than_none(seed, count):
    """On the record itself, but for the one sample that speaks for it: of the noise's size."""
    correction, asked, counts = labels(seed, count, 3)
    record, variance = CorrectionRecord(3, 1e9), np.full(3, 1e-9)
    record.learn(correction, asked, counts)
    used = record.used(variance)
    assert ((used >= 0.0) & (used <= 1.0)).all()
    left = np.sum(counts * np.square(asked - used * correction), axis=0)
    assert (left <= np.sum(counts * np.square(asked), axis=0) + 1e-6).all()


def test_all_is_used_before_anything_is_known_and_while_half_of_it_is_asked_for():
    record, variance = CorrectionRecord(1, 100.0), np.full(1, 0.01)
    assert record.used(variance) == 1.0
    for share, expected in ((0.5, 1.0), (0.25, 0.5), (-0.5, 0.0)):
        record = CorrectionRecord(1, 100.0)
        correction = np.full((1000, 1), 3.0)
        record.learn(correction, share * correction, np.ones((1000, 1)))
        assert record.used(variance)[0] == pytest.approx(expected, abs=1e-5)


def test_what_is_not_known_does_not_count():
    correction, asked, counts = labels(1, 20, 2)
    record, other = CorrectionRecord(2, 50.0), CorrectionRecord(2, 50.0)
    record.learn(correction[:15], asked[:15], counts[:15])
    correction[15:, 0], counts[15:, 1] = np.nan, 0.0
    asked[15:, 1] = np.nan
    other.learn(correction, asked, counts)
    for name in CorrectionRecord.STATE:
        np.testing.assert_allclose(getattr(other, name), getattr(record, name), rtol=1e-12)


def swinging(seed: int, period_s: float, change_s: float, grows_s: float = 0.0):
    """A stream with an error that swings, so that what labels show is past when they come; until
    some time it is a tenth as large."""
    made_up = stream(60.0, seed, change_s=change_s)
    phase = np.random.default_rng(seed).uniform(0.0, 2.0 * np.pi, SPEC.outputs)
    time_s = np.arange(len(made_up.target)) * SPEC.step_s
    size = np.where(time_s < grows_s, 0.05, 0.5)[:, None]
    swing = size * np.sin(2.0 * np.pi * time_s[:, None] / period_s + phase)
    made_up.target[:] += swing.astype(np.float32)
    return made_up


def errors(seed: int, period_s: float, delay: int) -> list[float]:
    """Against the frozen network's: before a change at 45 s, and from 2 s after it on."""
    made_up = swinging(seed, period_s, change_s=45.0)
    engine = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
    said, _ = follow(engine, made_up, delay)
    spans = ((5.0, 45.0), (47.0, 60.0))
    return [rmse(said, made_up, *span) / rmse(made_up.frozen, made_up, *span) for span in spans]


@pytest.mark.parametrize("period_s, delay", [(1.0, 30), (3.0, 100)])
def test_errors_that_pass_before_the_next_samples_are_not_followed(period_s, delay, monkeypatch):
    before, after = np.mean([errors(seed, period_s, delay) for seed in range(3)], axis=0)
    assert before < 1.03  # what learning may cost where there is nothing to learn
    monkeypatch.setattr(CorrectionRecord, "used", lambda record, variance: np.ones_like(variance))
    before_all, after_all = np.mean([errors(seed, period_s, delay) for seed in range(3)], axis=0)
    assert before_all > 1.05
    # 40 s of a bad record say little of a change of the world: it is learned all the same.
    assert after < 1.03 * after_all


def test_a_swing_that_grows_is_not_followed_for_its_size():
    """It is large beside what the shipped readout used to leave, but no world that has changed."""
    ratios = []
    for seed in range(2):
        made_up = swinging(seed, 3.0, change_s=60.0, grows_s=20.0)
        engine = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
        said, _ = follow(engine, made_up, delay=100)
        grown = 20.0, 25.0
        ratios.append(rmse(said, made_up, *grown) / rmse(made_up.frozen, made_up, *grown))
    assert np.mean(ratios) < 1.03  # what learning may cost where there is nothing to learn


def used(engine: AdaptationEngine) -> np.ndarray:
    return engine.networks[0].readout.record.used(np.full(SPEC.outputs, 0.01))


def test_the_guard_leaves_the_record_and_restoring_the_shipped_weights_does_not():
    """What was of no use would be used again at once; who restores wants all forgotten."""
    settings = EngineSettings(training=None, guard=GuardSettings(patience_s=0.2))
    engine = AdaptationEngine(SPEC, PARAMS, settings=settings)
    made_up, delay, kept = swinging(0, 3.0, change_s=60.0), 100, []
    for tick, stamp_ns in enumerate(made_up.stamp_ns):
        engine.observe(int(stamp_ns), made_up.features[tick])
        if tick >= delay:
            engine.label(int(made_up.stamp_ns[tick - delay]), made_up.target[tick - delay])
        update = engine.update()
        if update is not None and update.kind == "rollback":
            kept.append(used(engine).min())
    assert kept and kept[-1] < 0.5
    engine.restore_shipped()
    np.testing.assert_array_equal(used(engine), 1.0)
