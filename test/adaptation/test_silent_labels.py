"""Where labels stop, what was learned stays as long as the memory of what learned it."""

import numpy as np
import pytest
from streams import PARAMS, SPEC, STEP_NS, follow, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings

READOUT = ReadoutSettings(persistence_prior=1e12)  # nothing is carried over: only the mixture
UPDATE_S = 0.05  # five samples from one update to the next
SETTINGS = EngineSettings(training=None, guard=None, readout=READOUT, update_period_s=UPDATE_S)
OFFSET_S = READOUT.correlation_s * READOUT.offset_memory  # the shortest memory
TICKS = 120


def learned(seconds: float = 12.0, seed: int = 31, **stream_options):
    """An engine that has learned another world, and the stream that it did so on."""
    made_up = stream(seconds, seed=seed, **{"change_s": 6.0} | stream_options)
    engine = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
    follow(engine, made_up, delay=0)
    go_on(engine, made_up, 5)  # the last labels are learned with the next update
    return engine, made_up


def go_on(engine, made_up, ticks, each=lambda stamp_ns: None, usable=True):
    """More samples without labels but for what `each` gives; returns the updates."""
    updates = []
    for tick in range(ticks):
        stamp_ns = int(engine._newest_ns) + STEP_NS
        engine.observe(stamp_ns, made_up.features[tick % len(made_up.features)], usable)
        each(stamp_ns)
        updates.append(engine.update())
    return [update for update in updates if update is not None]


def test_weight_of_an_estimate_passes_with_its_memory():
    """exp(-t / memory) of each weight, the anchor's with the longest memory, and the sum is 1."""
    engine, made_up = learned()
    readout = engine.networks[0].readout
    weights, readouts = readout._weights.copy(), readout._readouts.copy()
    go_on(engine, made_up, TICKS)
    silent_s = readout._silent_s[0]
    np.testing.assert_allclose(readout._silent_s, TICKS * SPEC.step_s, atol=2.0 * UPDATE_S)
    memories_s = READOUT.correlation_s * np.array([200.0, 7.0, 20.0, 200.0])
    expected = weights * np.exp(-silent_s / memories_s)[:, None]
    expected /= expected.sum(axis=0)
    mixed = np.einsum("ko,kop->op", expected, readouts)
    np.testing.assert_allclose(readout.readout, mixed, atol=1e-12)
    np.testing.assert_allclose(engine.anchor_weight, expected[0])
    assert not np.allclose(readout.readout, np.einsum("ko,kop->op", weights, readouts), atol=1e-3)


@pytest.mark.parametrize("way", ["label", "expect"])
def test_outputs_that_go_on_being_labelled_keep_their_weights(way):
    engine, made_up = learned()
    readout = engine.networks[0].readout
    part = np.array([0.3, np.nan, np.nan])

    def first_output(stamp_ns):
        if way == "label":
            engine.label(stamp_ns, part)
        else:
            engine.expect([stamp_ns], part[None])

    go_on(engine, made_up, TICKS, first_output)
    now = readout._weights_now
    np.testing.assert_allclose(now[:, 0], readout._weights[:, 0], rtol=UPDATE_S / OFFSET_S)
    assert not np.allclose(now[:, 1:], readout._weights[:, 1:], atol=1e-3)


def test_updates_end_when_only_the_longest_memory_is_left_and_labels_bring_the_others_back():
    engine, made_up = learned()
    readout = engine.networks[0].readout
    weights = readout._weights.copy()
    assert go_on(engine, made_up, TICKS)
    while engine.networks[0].is_passing:
        go_on(engine, made_up, 1)
        assert readout._silent_s.max() < 30.0
    assert not go_on(engine, made_up, TICKS)
    # By the least that is told from nothing; a memory of 20 s, and the anchor.
    np.testing.assert_allclose(readout._weights_now[[0, 3]].sum(axis=0), 1.0, atol=0.01)
    np.testing.assert_array_equal(readout._weights, weights)
    engine.label(int(engine._newest_ns), made_up.target[0])
    go_on(engine, made_up, 5)
    np.testing.assert_array_equal(readout._silent_s, 0.0)
    np.testing.assert_array_equal(readout._weights_now, readout._weights)


@pytest.mark.parametrize("way", ["paused", "unusable"])
def test_nothing_passes_while_labels_would_not_be_learned(way):
    engine, made_up = learned()
    while not go_on(engine, made_up, 1):
        pass  # up to an update: no usable sample waits for the next one
    if way == "paused":
        engine.pause("for a test")
    before = engine.params
    go_on(engine, made_up, 4 * TICKS, usable=way == "paused")  # until no residual is left
    for name, value in engine.params.items():
        np.testing.assert_array_equal(value, before[name])
    assert not go_on(engine, made_up, TICKS, usable=way == "paused")
    engine.pause("")
    assert go_on(engine, made_up, TICKS)
    # Nor does it count afterwards.
    silent_s = engine.networks[0].readout._silent_s
    np.testing.assert_allclose(silent_s, TICKS * SPEC.step_s, atol=2.0 * UPDATE_S)


def test_nothing_passes_where_nothing_was_learned():
    engine = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
    made_up = stream(2.0, seed=31)
    engine.observe(0, made_up.features[0])
    assert not go_on(engine, made_up, TICKS)


def test_what_was_right_for_one_object_is_held_against_the_next_one_for_a_while_only():
    """Offsets change sign every 5 s, and in every third such time there are no labels."""
    made_up = stream(45.0, seed=33, noise=0.1)
    number = np.arange(len(made_up.target)) // round(5.0 / SPEC.step_s)
    made_up.target[:] += np.where(number % 2, -0.3, 0.3)[:, None].astype(np.float32)
    silent, left = number % 3 == 2, {}
    for name in ("passes", "held"):
        engine = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
        if name == "held":
            engine.networks[0].readout._fading *= 0.0
        said, _ = follow(
            engine, made_up, 0, label=lambda tick, target: None if silent[tick] else target
        )
        left[name] = np.sqrt(np.square(said - made_up.target)[silent].mean())
    # 0.88 of it: a second memory, of 20 s, has followed a part of the way, and holds that.
    assert left["passes"] < 0.93 * left["held"]
