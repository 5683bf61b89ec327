"""Every label is learned once, whichever network it is for and in how many pieces it comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import PARAMS, SPEC, STEP_NS, follow, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.sample_ring import SampleRing

# Nothing is forgotten or distrusted, so that what was learned can be counted.
ENDLESS = EngineSettings(
    readout=ReadoutSettings(memories=(1e12,), priors=(4.0,), jump_ratio=1e9, gate=1e9), guard=None
)

# So many samples at the beginning of a stream count less, as the state is not known.
IN_DOUBT = round(SPEC.tau_max_s / SPEC.step_s) + 1


def counted(network) -> np.ndarray:
    """Independent samples that each output's estimate of the whole readout has learned."""
    count = np.zeros(SPEC.outputs)
    for group in network.readout._groups:
        count[group.outputs] = group.bank.information[0, -1, -1]  # phi is 1 there
    return count


def test_labels_of_one_sample_in_pieces_are_all_trusted():
    made_up = stream(3.0, seed=20)
    learner = AdaptationEngine(SPEC, PARAMS)
    for tick, row in enumerate(made_up.features):
        stamp_ns = int(made_up.stamp_ns[tick])
        learner.observe(stamp_ns, row)
        for output in range(SPEC.outputs):  # as joint, base and position come by ways of their own
            piece = np.full(SPEC.outputs, np.nan)
            piece[output] = made_up.target[tick, output]
            learner.label(stamp_ns, piece)
        learner.update()
    learned = slice(IN_DOUBT, -5)  # the newest wait for the next update
    assert (learner._ring.trust[learned] > 0.5).all()
    assert len(learner.networks[0].readout._groups) == 1


@pytest.mark.parametrize("train_every", [None, 37])
def test_network_that_is_not_in_use_learns_every_label_once(train_every):
    """Seldom, and also where it was trained in between and its readout solved anew, the last time
    (at 10 s) while labels wait for it."""
    made_up = stream(11.0, seed=21, change_s=2.0)
    learner = AdaptationEngine(SPEC, PARAMS, settings=ENDLESS)
    learner.resume(flies=1)
    follow(
        learner,
        made_up,
        delay=10,
        train_every=train_every,
        label=lambda tick, target: target if tick >= IN_DOUBT else None,
    )
    assert bool(learner.counts.accepted) == bool(train_every)
    while learner.networks[1].backlog:  # the newest labels wait until it is their turn
        stamp_ns = int(learner._newest_ns) + STEP_NS
        learner.observe(stamp_ns, made_up.features[-1])
        learner.label(stamp_ns, np.full(SPEC.outputs, 0.0))
        learner.update()
    ring = learner._ring
    labelled = ~np.isnan(ring.target)
    expected = labelled.T.astype(float) @ ENDLESS.readout.independent(ring.dt_s)
    for network in learner.networks:
        np.testing.assert_allclose(counted(network), expected, rtol=1e-5)  # float32 in the ring


def test_estimates_are_compared_by_what_they_say_when_a_label_is_first_expected():
    made_up = stream(4.0, seed=22, change_s=2.0)
    learner = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
    follow(learner, made_up, delay=0)
    network, ring = learner.networks[0], learner._ring
    row = len(ring) - 30
    network.note_predictions()
    ring.target[row:], stamps = np.nan, ring.stamp_ns[row:].copy()
    before = ring.predicted[row:, 0].copy()
    network.readout._readouts[1:] += 0.1  # what they know now that they did not know then
    now = network.readout.predict(ring.phi[row:, 0].astype(float))
    for _ in range(2):  # the second time they have seen it, and it would be no test of them
        learner.expect(stamps, made_up.target[row:])
        learner.solve_readouts()
    np.testing.assert_allclose(ring.predicted[row:, 0, 1:], now, atol=1e-6)  # kept in float32
    np.testing.assert_array_equal(ring.predicted[row:, 0, 0], before[:, 0])


def test_what_estimates_are_judged_by_is_what_they_had_said_before_the_label():
    made_up = stream(4.0, seed=23, change_s=2.0)
    learner = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None, guard=None))
    follow(learner, made_up, delay=10)
    learner.networks[0].note_predictions()
    ring = learner._ring
    assert not np.isnan(ring.predicted).any()
    # The mixture flew all the time, so what was said is known; its first estimate is the anchor.
    np.testing.assert_allclose(ring.predicted[:, 0, 0], ring.flown[:, 0], atol=1e-5)
    np.testing.assert_allclose(ring.predicted[:, 0, 1], ring.flown[:, 1], atol=1e-5)
    assert np.abs(ring.flown[:, 0] - ring.flown[:, 1]).max() > 0.1


def test_labels_given_together_are_learned_as_one_by_one():
    made_up = stream(3.0, seed=24, change_s=1.0)
    one_by_one, together = (AdaptationEngine(SPEC, PARAMS) for _ in range(2))
    for first in range(0, len(made_up.stamp_ns), 20):
        rows = slice(first, first + 20)
        for engine in (one_by_one, together):
            for stamp_ns, features in zip(
                made_up.stamp_ns[rows], made_up.features[rows], strict=True
            ):
                engine.observe(int(stamp_ns), features)
        target = made_up.target[rows].copy()
        target[::3] = np.nan
        for stamp_ns, row in zip(made_up.stamp_ns[rows], target, strict=True):
            one_by_one.label(int(stamp_ns), row)
        learned = together.label_all(made_up.stamp_ns[rows], target)
        assert learned == (~np.isnan(target[:, 0])).sum()
        assert together.label_all(made_up.stamp_ns[rows], target) == 0  # known already
        for engine in (one_by_one, together):
            engine.update()
    assert one_by_one.counts == together.counts
    readouts = [engine.networks[0].readout.readout for engine in (one_by_one, together)]
    np.testing.assert_array_equal(*readouts)


def test_labels_given_together_must_rise():
    engine = AdaptationEngine(SPEC, PARAMS)
    with pytest.raises(ValueError, match="must rise"):
        engine.label_all([STEP_NS, STEP_NS], np.zeros((2, SPEC.outputs)))
    with pytest.raises(ValueError, match="needs 3 values"):
        engine.label_all([0, STEP_NS], np.zeros((2, 2)))


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=30))
@settings(deadline=None)  # the first example imports
def test_pieces_of_a_label_are_put_together(pieces):
    """Stamps in any order, with some that are not kept."""
    ring = SampleRing(8, features=1, hidden=1, networks=1, phi=1, experts=1, outputs=3)
    for tick in range(10):  # 2 to 9 are kept
        ring.append(stamp_ns=tick, dt_s=0.01)
    labelled = np.zeros((len(pieces), 3), bool)
    labelled[range(len(pieces)), [output for _, output in pieces]] = True
    stamps = np.array([stamp for stamp, _ in pieces], np.int64)
    rows, which = ring.find_labelled(stamps, labelled)
    found = {
        (int(ring.stamp_ns[row]), int(o))
        for row, mask in zip(rows, which, strict=True)
        for o in np.flatnonzero(mask)
    }
    assert found == {piece for piece in pieces if 2 <= piece[0] <= 9}
    assert (np.diff(rows) > 0).all()


def test_all_weight_is_dealt_out():
    settings = ReadoutSettings(memories=(5.0, 50.0), priors=(1.0, 1.0))
    assert settings.shares(None) == pytest.approx([0.5, 1 / 6, 1 / 6, 1 / 6])
    for name in ("world_share", "anchor_share", "share_per_sample"):
        with pytest.raises(ValueError, match=rf"{name} must be in \[0, 1\], got 1.1"):
            ReadoutSettings(**{name: 1.1})
    known = ReadoutSettings(world_memories=(5.0,) * 3, world_priors=(5.0,) * 3).shares(object())
    assert known == pytest.approx([0.25, *[0.25 / 3] * 3, *[0.5 / 3] * 3])
