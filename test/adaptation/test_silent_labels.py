"""Where labels stop, what was learned stays as far as it has lasted before."""

import dataclasses

import numpy as np
import pytest
from streams import PARAMS, SPEC, STEP_NS, follow, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings

# Nothing is carried over, and nothing is kept for its size: only the mixture.
READOUT = ReadoutSettings(persistence_prior=1e12, held_doubt=1e12)
UPDATE_S = 0.05  # five samples from one update to the next
SETTINGS = EngineSettings(training=None, guard=None, readout=READOUT, update_period_s=UPDATE_S)
TICKS = 200


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


def test_the_mixture_passes_to_what_is_held():
    """From 1.5 s on, with a time constant of 0.7 s."""
    engine, made_up = learned()
    readout = engine.networks[0].readout
    weights, held, readouts = readout._weights.copy(), readout._held.copy(), readout._readouts
    assert (held[0] < 0.9).all()  # a second memory of the world that has been for 6 s
    go_on(engine, made_up, 140)
    np.testing.assert_array_equal(readout._weights_now, weights)
    go_on(engine, made_up, TICKS - 140)
    silent_s = readout.silence.silent_s[0]
    np.testing.assert_allclose(readout.silence.silent_s, TICKS * SPEC.step_s, atol=2.0 * UPDATE_S)
    left = np.exp(-(silent_s - 1.5) / 0.7)
    expected = left * weights + (1.0 - left) * held
    mixed = np.einsum("ko,kop->op", expected, readouts)
    np.testing.assert_allclose(readout.readout, mixed, atol=1e-12)
    np.testing.assert_allclose(engine.anchor_weight, expected[0])
    assert not np.allclose(readout.readout, np.einsum("ko,kop->op", weights, readouts), atol=1e-3)


@pytest.mark.parametrize("way", ["label", "expect"])
def test_outputs_that_go_on_being_labelled_keep_their_weights(way):
    engine, made_up = learned()
    readout = engine.networks[0].readout
    targets = iter(made_up.target[:TICKS])

    def first_output(stamp_ns):
        part = np.array([next(targets)[0], np.nan, np.nan])
        if way == "label":
            engine.label(stamp_ns, part)
        else:
            engine.expect([stamp_ns], part[None])

    go_on(engine, made_up, TICKS, first_output)
    now = readout._weights_now
    np.testing.assert_array_equal(now[:, 0], readout._weights[:, 0])
    assert not np.allclose(now[:, 1:], readout._weights[:, 1:], atol=1e-3)


def test_updates_end_when_only_what_is_held_is_left_and_labels_bring_the_mixture_back():
    engine, made_up = learned()
    readout = engine.networks[0].readout
    weights = readout._weights.copy()
    assert go_on(engine, made_up, TICKS)
    while engine.networks[0].is_passing:
        go_on(engine, made_up, 1)
        assert readout.silence.silent_s.max() < 5.0
    assert not go_on(engine, made_up, TICKS)
    # By the least that is told from nothing.
    np.testing.assert_allclose(readout._weights_now, readout._held, atol=0.01)
    np.testing.assert_array_equal(readout._weights, weights)
    engine.label(int(engine._newest_ns), made_up.target[0])
    go_on(engine, made_up, 5)
    np.testing.assert_array_equal(readout.silence.silent_s, 0.0)
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
    silent_s = engine.networks[0].readout.silence.silent_s
    np.testing.assert_allclose(silent_s, TICKS * SPEC.step_s, atol=2.0 * UPDATE_S)


def test_nothing_passes_where_nothing_was_learned():
    engine = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
    made_up = stream(2.0, seed=31)
    engine.observe(0, made_up.features[0])
    assert not go_on(engine, made_up, TICKS)


def test_no_more_is_held_against_the_next_object_than_has_lasted_before():
    """Offsets change sign every 5 s, and in every third such time there are no labels."""
    made_up = stream(45.0, seed=33, noise=0.1)
    number = np.arange(len(made_up.target)) // round(5.0 / SPEC.step_s)
    made_up.target[:] += np.where(number % 2, -0.3, 0.3)[:, None].astype(np.float32)
    silent, left = number % 3 == 2, {}
    for name, held_from in (("passes", READOUT.held_from), ("held", 1e9)):
        readout = dataclasses.replace(READOUT, held_from=held_from)
        settings = dataclasses.replace(SETTINGS, readout=readout)
        engine = AdaptationEngine(SPEC, PARAMS, settings=settings)
        said, _ = follow(
            engine, made_up, 0, label=lambda tick, target: None if silent[tick] else target
        )
        left[name] = np.sqrt(np.square(said - made_up.target)[silent].mean())
    assert left["passes"] < 0.85 * left["held"]  # in the first seconds it is the same


def test_after_a_large_change_what_was_learned_is_kept_before_it_has_lasted():
    """The world changes, and labels stop a second after that."""
    made_up, left = stream(16.0, seed=35, change_s=10.0), {}
    silent = np.arange(len(made_up.target)) >= 1100
    for name, doubt in (("kept", ReadoutSettings().held_doubt), ("doubted", 1e12)):
        readout = dataclasses.replace(READOUT, held_doubt=doubt)
        settings = dataclasses.replace(SETTINGS, readout=readout)
        engine = AdaptationEngine(SPEC, PARAMS, settings=settings)
        said, _ = follow(
            engine, made_up, 0, label=lambda tick, target: None if silent[tick] else target
        )
        left[name] = np.sqrt(np.square(said - made_up.target)[1400:].mean())
    frozen = np.sqrt(np.square(made_up.frozen - made_up.target)[1400:].mean())
    assert left["kept"] < 0.7 * frozen < left["doubted"]


def test_what_has_lasted_is_held_for_long():
    """The world changes once; a minute later labels stop for good."""
    engine, made_up = learned(60.0)
    kept = stream(20.0, seed=31, change_s=0.0)
    said = []
    for row in kept.features:
        stamp_ns = int(engine._newest_ns) + STEP_NS
        said.append(engine.observe(stamp_ns, row).adapted)
        engine.update()
    late = slice(1000, None)
    error = np.sqrt(np.square(np.array(said) - kept.target)[late].mean())
    frozen = np.sqrt(np.square(kept.frozen - kept.target)[late].mean())
    assert error < 0.25 * frozen  # 0.15 of it


@pytest.mark.parametrize("way", ["rare", "in pieces"])
def test_labels_that_usually_take_long_have_not_stopped(way):
    """One in 1.5 s, or all labels of 1.5 s at once: the next ones are waited for as long again."""
    every = round(1.5 / SPEC.step_s)
    made_up = stream(24.0, seed=34, change_s=2.0)
    engine = AdaptationEngine(SPEC, PARAMS, settings=SETTINGS)
    readout = engine.networks[0].readout
    for tick, (stamp_ns, row) in enumerate(zip(made_up.stamp_ns, made_up.features, strict=True)):
        engine.observe(int(stamp_ns), row)
        if tick % every == every - 1:
            rows = slice(tick, tick + 1) if way == "rare" else slice(tick - every + 1, tick + 1)
            engine.label_all(made_up.stamp_ns[rows], made_up.target[rows])
        engine.update()
        if tick > 4 * every:
            assert (readout.silence.left == 1.0).all()
    updates = go_on(engine, made_up, 3 * every)
    assert updates and (readout.silence.left < 0.2).all()
