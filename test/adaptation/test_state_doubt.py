"""After a gap of the stream the state settles first; what is said meanwhile teaches nothing."""

from dataclasses import replace

import numpy as np
import pytest
from streams import PARAMS, SETTLING_S, SPEC, STEP_NS, follow, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings

SETTINGS = EngineSettings(training=None)


def learned(engine, gaps_s):
    """Which of the samples that follow each other after these times [s] are learned from."""
    stamp_ns = engine._newest_ns or 0
    answers = []
    for gap_s in gaps_s:
        stamp_ns += round(gap_s * 1e9)
        engine.observe(stamp_ns, np.zeros(SPEC.features))
        answers.append(engine.label(stamp_ns, np.zeros(SPEC.outputs)))
    return np.array(answers)


def settled():
    """An engine whose state has settled for long."""
    engine = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
    learned(engine, [SPEC.step_s] * 100)
    return engine


def test_the_beginning_of_a_stream_is_not_learned():
    engine = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
    for _ in range(2):
        answers = learned(engine, [SPEC.step_s] * 100)
        first = int(answers.argmax())
        assert answers[first:].all()
        assert abs(first - SETTLING_S / SPEC.step_s) <= 1.0  # sums of steps are rounded
        engine.forget_stream()


@pytest.mark.parametrize("gap_s", [0.03, 0.1, 0.5, 60.0])
def test_what_follows_a_gap_is_not_learned_for_as_long_as_it_was_or_the_state_settles(gap_s):
    answers = learned(settled(), [gap_s] + [SPEC.step_s] * 100)
    first = int(answers.argmax())
    assert answers[first:].all()
    assert abs(first - min(gap_s, SETTLING_S) / SPEC.step_s) <= 1.0


@pytest.mark.parametrize(
    "gaps_s", [[0.03], [0.33], [5.0], [0.01, 0.06], [0.01] * 5 + [0.3]], ids=str
)
def test_a_stream_that_is_full_of_gaps_is_learned_all_the_same(gaps_s):
    answers = learned(settled(), gaps_s * 200)
    assert answers.mean() >= 0.5


@pytest.mark.parametrize("seed", range(3))
def test_pieces_of_stream_cost_nothing_where_the_network_is_right(seed):
    """Pieces of 2 s, the last one first: the state of the one before is wrong for the next, for a
    while. What is learned meanwhile would cost 5 to 12 % of the rest of each piece."""
    made_up = stream(40.0, seed=seed)
    piece, within = np.divmod(np.arange(len(made_up.stamp_ns)), 200)
    order = np.argsort(-piece, kind="stable")
    made_up = replace(
        made_up,
        stamp_ns=made_up.stamp_ns + piece * 300 * STEP_NS,
        features=made_up.features[order],
        target=made_up.target[order],
    )
    shipped = AdaptationEngine(SPEC, PARAMS, settings=replace(SETTINGS, readout=None))
    learner = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
    frozen, adapted = (
        np.square(follow(engine, made_up, delay=5)[0] - made_up.target)[within >= 50].mean()
        for engine in (shipped, learner)
    )
    assert np.sqrt(adapted / frozen) <= 1.02
