"""All numbers of one pretraining run; the defaults are those of the shipped model."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DataSettings:
    """Recorded episodes.

    Attributes:
        episodes: number of ordinary episodes to train on.
        episode_s: length of each [s]; many short ones, because belt, light and camera are drawn
            once for each, and because the start of an episode is unlike the rest.
        starts, start_s: number and length [s] of short episodes that start with the arm and the
            objects anywhere (`sim.randomisation.sample_scattered`): the planner alone hardly ever
            brings the arm back from the bin to an object that is far downstream already.
        worlds, world_s: number and length [s] of disturbed episodes
            (`sim.disturbed_worlds.sample_disturbed`), one world each.
        fresh_share, run_in_s: share of the ordinary and of the disturbed episodes that are
            recorded from switch-on; before the others the robot has worked for up to run_in_s [s].
            After a while the base is a little off its line, and objects come as the arm lets them.
        noisy_share: share of the episodes in which noise is added to the planner's actions, so
            that the arm is also seen where the planner alone would not take it.
        noise_rad_s, noise_m_s, noise_time_s: standard deviation of that noise on each joint's
            velocity [rad/s] and on the base's [m/s], and its correlation time [s].
    """

    episodes: int = 400
    episode_s: float = 6.0
    starts: int = 800
    start_s: float = 2.0
    worlds: int = 400
    world_s: float = 10.0
    fresh_share: float = 0.3
    run_in_s: float = 20.0
    noisy_share: float = 0.4
    noise_rad_s: float = 0.1
    noise_m_s: float = 0.02
    noise_time_s: float = 0.3


@dataclass(frozen=True)
class EncoderSettings:
    """Training of the encoder.

    Attributes:
        epochs: passes over the recorded pictures.
        batch: pictures in a step.
        learning_rate, weight_decay: AdamW; the rate is the peak of a one-cycle schedule.
    """

    epochs: float = 3.5
    batch: int = 16
    learning_rate: float = 3e-3
    weight_decay: float = 0.01


@dataclass(frozen=True)
class WorldSettings:
    """Training of the features for worlds unlike the nominal ones.

    Attributes:
        batch: worlds in a step.
        window_s: length of a world's window [s].
        chunks: parts of a window; the readout is solved anew after each of them.
        strength: of the prior that holds the readout [independent samples], as the engine's.
        weight: of its loss against the nominal one.
    """

    batch: int = 8
    window_s: float = 8.0
    chunks: int = 16
    strength: float = 4.0
    weight: float = 2.0


@dataclass(frozen=True)
class LossSettings:
    """What counts how much in the training of core and head, against the actions.

    Attributes:
        position_weight, world_position_weight: of the position, said by the readout that is
            trained on nominal windows, and by those that are solved anew on worlds.
        position_linear_from: error of the position from which on it counts linearly, in the
            position's scale.
        takeover_weight: of the share of the time in which the supervisor would have the planner
            drive.
        new_targets: whether positions of targets that no picture can show yet count in nominal
            windows; on worlds they never do.
    """

    position_weight: float = 8.0
    world_position_weight: float = 8.0
    position_linear_from: float = 0.1
    takeover_weight: float = 1.0
    new_targets: bool = True


@dataclass(frozen=True)
class PolicySettings:
    """Training of core and head.

    Attributes:
        steps: optimiser steps.
        batch: windows in a step.
        window_s: length of a window [s].
        continue_share: chance that a window carries on where the last one ended, state included.
        start_share: chance that a window that does not carry on is from one of the short episodes
            with a scattered start.
        learning_rate, weight_decay: AdamW; the rate falls along a cosine.
        embedding_noise: standard deviation of noise on the normalised embedding.
        loss: what counts how much.
        worlds: training of the features for worlds unlike the nominal ones.
    """

    steps: int = 5000
    batch: int = 32
    window_s: float = 2.0
    continue_share: float = 0.7
    start_share: float = 0.3
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    embedding_noise: float = 0.004
    loss: LossSettings = field(default_factory=LossSettings)
    worlds: WorldSettings = field(default_factory=WorldSettings)


@dataclass(frozen=True)
class RefineSettings:
    """Further training of a policy, on what the first one drove too; all else is as in
    PolicySettings.

    Attributes: see there.
    """

    loss: LossSettings
    steps: int = 5000
    learning_rate: float = 2e-3


def _refine(
    position_weight: float, world_position_weight: float, takeover_weight: float
) -> RefineSettings:
    """Most weight on what is flown, a position said by a readout that has adapted, and few errors
    taken for what nobody can know."""
    return RefineSettings(
        LossSettings(
            position_weight=position_weight,
            world_position_weight=world_position_weight,
            position_linear_from=0.3,
            takeover_weight=takeover_weight,
            new_targets=False,
        )
    )


@dataclass(frozen=True)
class DrivenSettings:
    """Episodes that a first policy drives, learning, for the next one to be trained on.

    Attributes:
        episodes, episode_s: number and length [s] of nominal ones.
        worlds, world_s: number and length [s] of disturbed ones.
    """

    episodes: int = 100
    episode_s: float = 8.0
    worlds: int = 300
    world_s: float = 12.0


@dataclass(frozen=True)
class NominalSettings:
    """What is shipped against forgetting: number of windows and samples in each."""

    windows: int = 60
    samples: int = 100


@dataclass(frozen=True)
class WorldPriorSettings:
    """How the readouts of the disturbed worlds are summed up.

    Attributes:
        directions: how many are kept.
        strength: of the prior that holds each world's readout [independent samples].
        settle_s: start of each episode that is left out: the state settles there [s].
    """

    directions: int = 64
    strength: float = 4.0
    settle_s: float = 0.3


@dataclass(frozen=True)
class EvaluationSettings:
    """Episodes that nothing was trained on: their number and length [s]."""

    episodes: int = 48
    episode_s: float = 20.0


@dataclass(frozen=True)
class Machine:
    """What changes the time a run takes, not its result.

    Attributes:
        workers: processes that simulate.
        threads: threads of torch.
        checkpoint_s: time between two checkpoints of a training [s].
    """

    workers: int = 2
    threads: int = 2
    checkpoint_s: float = 120.0


@dataclass(frozen=True)
class PretrainSettings:
    """What decides the result. Episode i of a role is seeded by (seed, role, i).

    Positions are refined first and the time at the wheel after them: where each has most weight
    the other gets worse, but positions that were learned once are not lost again.
    """

    seed: int = 0
    data: DataSettings = field(default_factory=DataSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    driven: DrivenSettings = field(default_factory=DrivenSettings)
    refine_positions: RefineSettings = field(default_factory=lambda: _refine(45.0, 135.0, 1.0))
    refine: RefineSettings = field(default_factory=lambda: _refine(30.0, 90.0, 2.0))
    nominal: NominalSettings = field(default_factory=NominalSettings)
    world_prior: WorldPriorSettings = field(default_factory=WorldPriorSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
