"""What the policy is trained on is what fusion would have given it, with labels of one object."""

import dataclasses

import numpy as np
import pytest
import torch

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.sim.config import SupervisorConfig
from liquid_adapt_ros.sim.planner import Phase, PlannerAction
from liquid_adapt_ros.sim.samples import Command
from liquid_adapt_ros.sim.supervisor import Supervisor
from liquid_adapt_ros.tools.pretrain.evaluate import scored_ticks
from liquid_adapt_ros.tools.pretrain.record import Recording
from liquid_adapt_ros.tools.pretrain.sequences import (
    PolicySequence,
    future_position,
    normalisation,
    policy_sequence,
)
from liquid_adapt_ros.tools.pretrain.settings import LossSettings, PolicySettings, WorldSettings
from liquid_adapt_ros.tools.pretrain.train_policy import (
    Episodes,
    PolicyLoss,
    PolicyTrainer,
    Windows,
    normalised,
)
from liquid_adapt_ros.tools.pretrain.world_training import without_new_targets

TICKS = 200
SPEC = PolicySpec()
AHEAD = 30  # ticks in the spec's horizon of 0.3 s


def recording(target_id, arrived=(3, 6, 10)):
    ticks, pictures = len(target_id), len(arrived)
    place = np.arange(ticks, dtype=np.float32)[:, None] * np.float32([0.001, 0.0, 0.0])
    return Recording(
        rgb=np.zeros((pictures, 96, 128, 3), np.uint8),
        depth_mm=np.zeros((pictures, 96, 128), np.uint16),
        intrinsics=np.eye(3),
        camera_pose=np.eye(4),
        depth_scale=np.array(1.0),
        taken_tick=np.array(arrived) - 2.5,
        arrived_tick=np.array(arrived),
        proprioception=np.zeros((ticks, 12), np.float32),
        action=np.zeros((ticks, 9), np.float32),
        target_id=np.array(target_id),
        target=place,
        second=place,
        tool=place,
        holding=np.zeros(ticks, np.bool_),
        belt_speed=np.zeros(ticks, np.float32),
    )


def test_the_label_is_where_the_same_target_is_one_horizon_later():
    label = future_position(recording([7] * TICKS), 0.3)
    np.testing.assert_allclose(label[:-AHEAD, 0], 0.001 * np.arange(AHEAD, TICKS), rtol=1e-6)
    assert np.isnan(label[-AHEAD:]).all()


@pytest.mark.parametrize("gap", [[8], [-1], [-1, 7, -1]])
def test_no_label_reaches_across_a_change_of_target(gap):
    ids = [7] * 100 + gap
    ids += [7] * (TICKS - len(ids))
    known = np.isfinite(future_position(recording(ids), 0.3)).all(axis=1)
    assert known[: 100 - AHEAD].all()
    assert not known[100 - AHEAD : 100 + len(gap)].any()
    assert known[100 + len(gap) : TICKS - AHEAD].all()


def test_the_scored_ticks_are_those_with_a_label():
    ids = np.array([-1] * 20 + [3] * 80 + [4] * 100)
    now, settled = scored_ticks(ids, AHEAD, settling=10)
    label = future_position(recording(ids), 0.3)
    np.testing.assert_array_equal(now, np.flatnonzero(np.isfinite(label[:, 0])))
    np.testing.assert_array_equal(now[~settled], [*range(20, 30), *range(100, 110)])


def test_a_picture_counts_from_the_tick_after_it_arrived():
    embeddings = np.arange(3, dtype=np.float32)[:, None] * np.ones(128, np.float32)
    sequence = policy_sequence(recording([7] * TICKS), embeddings, SPEC)
    seen = sequence.features[:, 0]
    assert np.isnan(seen[:4]).all()
    np.testing.assert_array_equal(seen[4:12], [0, 0, 0, 1, 1, 1, 1, 2])


def random_sequences(count=3, ticks=TICKS):
    rng = np.random.default_rng(0)
    sequences = []
    for _ in range(count):
        features = rng.normal(2.0, 3.0, (ticks, 140)).astype(np.float32)
        outputs = rng.normal(1.0, 0.5, (ticks, 12)).astype(np.float32)
        outputs[-AHEAD:, 9:] = np.nan
        features[:4, :128] = np.nan
        sequences.append(PolicySequence(features, outputs))
    return sequences


def test_normalised_sequences_have_mean_0_and_deviation_1_and_start_at_the_mean():
    sequences = random_sequences()
    norm = normalisation(sequences, SPEC)
    features = np.concatenate([normalised(item, norm).features for item in sequences])
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=0.05)
    np.testing.assert_allclose(features.std(axis=0), 1.0, atol=0.05)
    assert (normalised(sequences[0], norm).features[:4, :128] == 0.0).all()


def test_the_three_coordinates_share_one_scale():
    sequences = random_sequences()
    for item in sequences:
        item.outputs[:, 9:] *= np.float32([1.0, 0.1, 0.01])
    scale = normalisation(sequences, SPEC)["norm.output_scale"][9:]
    assert scale[0] == scale[1] == scale[2]


def test_a_joint_that_hardly_moved_is_not_blown_up():
    sequences = [
        dataclasses.replace(item, features=np.zeros_like(item.features))
        for item in random_sequences()
    ]
    assert normalisation(sequences, SPEC)["norm.feature_scale"].min() >= 0.02


def test_windows_carry_on_where_the_stream_was():
    sequences = [PolicySequence(np.arange(TICKS, dtype=np.float32)[:, None], np.zeros((TICKS, 1)))]
    starts = [PolicySequence(np.full((40, 1), -1.0, np.float32), np.zeros((40, 1)))]
    plan = PolicySettings(batch=16, window_s=0.4, continue_share=0.7, start_share=0.3)
    windows, rng = Windows(sequences, starts, plan, 0.01), np.random.default_rng(0)
    last, _, is_new = windows.draw(rng)
    assert is_new.all()
    carried = fresh = begun = 0
    for _ in range(40):
        features, _, is_new = windows.draw(rng)
        goes_on = features[:, 0, 0] == last[:, -1, 0] + 1.0
        assert goes_on[~is_new].all()
        carried, fresh = carried + (~is_new).sum(), fresh + is_new.sum()
        begun += (features[is_new, 0, 0] == -1.0).sum()
        last = features
    assert carried > 100
    # 30 % of the fresh windows are starts: within four standard deviations.
    assert abs(begun / fresh - 0.3) < 4.0 * np.sqrt(0.3 * 0.7 / fresh)


def test_an_error_of_any_joint_counts_in_rad_s():
    scale = np.geomspace(0.1, 2.0, 12).astype(np.float32)
    loss = PolicyLoss(SPEC, scale, 1.0, LossSettings())
    wanted = torch.zeros(1, 1, 12)
    losses = []
    for joint in range(6):
        said = wanted.clone()
        said[..., joint] = float(0.2 / scale[joint])
        losses.append(float(loss(said, wanted)))
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


def test_the_planners_share_is_that_of_the_supervisor():
    """Far from the bound the sigmoid is a step, and the loss counts what the supervisor does."""
    rng, ticks, config = np.random.default_rng(5), 400, SupervisorConfig()
    velocity = np.where(rng.random((ticks, 6)) < 0.003, 3.0, 0.1) * config.deviation_max_rad_s
    supervisor, planned = (
        Supervisor(config),
        PlannerAction(np.zeros(6), np.zeros(2), 0.0, Phase.APPROACH, None),
    )
    drivers = [
        supervisor.driver(tick * SPEC.step_s, Command(row, np.zeros(2), 0.0), planned)
        for tick, row in enumerate(velocity)
    ]
    said = torch.zeros(1, ticks, 12)
    said[0, :, :6] = torch.from_numpy(velocity)
    wanted, scale = torch.zeros(1, ticks, 12), np.ones(12, np.float32)
    with_it, without = (
        float(PolicyLoss(SPEC, scale, 1.0, LossSettings(takeover_weight=weight))(said, wanted))
        for weight in (1.0, 0.0)
    )
    share = drivers.count("planner") / ticks
    assert 0.1 < share < 0.9
    # A deviation of 0.1 bounds has a chance of sigmoid(-4.5) = 0.011, one of 3 of 1 - 5e-5.
    assert abs(with_it - without - share) < 0.012


@pytest.mark.parametrize("linear_from", [0.1, 0.3])
def test_a_position_counts_linearly_from_where_it_is_said(linear_from):
    loss = PolicyLoss(
        SPEC, np.ones(12, np.float32), 2.0, LossSettings(position_linear_from=linear_from)
    )
    wanted = torch.zeros(1, 1, 12)
    nothing = float(loss(wanted, wanted))
    for error, expected in ((0.05, 0.5 * 0.05**2 / linear_from), (4.0, 4.0 - 0.5 * linear_from)):
        said = wanted.clone()
        said[..., 9:] = error
        np.testing.assert_allclose(float(loss(said, wanted)) - nothing, 2.0 * expected, rtol=1e-4)


def trainer_of(sequences, norm, loss=None, nominal=None):
    worlds = WorldSettings(batch=2, window_s=1.5, chunks=3)
    plan = PolicySettings(
        steps=30, batch=8, window_s=0.5, worlds=worlds, loss=loss or LossSettings()
    )
    nominal = nominal or sequences
    episodes = Episodes(nominal[1:], nominal[:1], sequences)
    return PolicyTrainer(episodes, norm, SPEC, plan, seed=0)


def test_what_adapted_readouts_say_of_the_position_has_a_weight_of_its_own():
    sequences = random_sequences()
    norm = normalisation(sequences, SPEC)
    nominal, worlds = (
        [
            trainer_of(sequences, norm, LossSettings(**{name: weight})).step(0)
            for weight in (0.0, 1.0, 2.0)
        ]
        for name in ("position_weight", "world_position_weight")
    )
    for losses in (nominal, worlds):
        assert losses[1] > losses[0]
        np.testing.assert_allclose(losses[2] - losses[1], losses[1] - losses[0], rtol=1e-3)


def test_positions_of_new_targets_need_not_count():
    sequences = random_sequences()
    norm = normalisation(sequences, SPEC)
    left_out = [without_new_targets(item, SPEC.step_s) for item in sequences]
    without = trainer_of(sequences, norm, LossSettings(new_targets=False)).step(0)
    assert without == trainer_of(sequences, norm, nominal=left_out).step(0)
    assert without != trainer_of(sequences, norm).step(0)


def test_training_lowers_the_loss():
    sequences = random_sequences()
    trainer = trainer_of(sequences, normalisation(sequences, SPEC))
    losses = [trainer.step(number) for number in range(30)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
