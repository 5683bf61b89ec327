"""How fast the readout follows, and what it distrusts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.world_bank import WorldPrior

Array = NDArray[np.float64]

# Labels that lie close together are alike, but each has noise of its own. One that is alone says
# what it would say among others, and this share of what those would.
_ALONE = 0.3
# Standard deviation that the noise is taken to have before there are labels, in output units.
_NOISE_AT_FIRST = 0.02


@dataclass(frozen=True)
class ReadoutSettings:
    """How fast the readout follows, and what it distrusts.

    An independent sample is `correlation_s` of the stream: labels that lie closer together than
    that repeat each other and count as fractions; one that stands alone there counts more.

    Attributes:
        correlation_s: time over which errors of the network are alike [s].
        offset_memory, offset_prior: memory and prior strength of the offset [independent samples].
        memories, priors: the same of the estimates of the whole readout.
        loosening: how far residuals beyond the noise loosen these priors, in [0, 1]; 0: not,
            1: as if the readout had to explain all of it.
        world_memories, world_priors: the same of the estimates of the world; () for none.
        world_share: what is dealt out to the estimates of the world, together, of the weight dealt
            out anew, where there are any.
        anchor_share: what is dealt out to the anchor of what is left; the rest is divided equally.
        share_per_sample: part of all weight dealt out anew for each independent sample [1].
        loss_max: most that one sample counts against an estimate, in log-likelihood [1].
        variance_memory: memory of the noise's variance, of which the first samples are the mean
            [independent samples].
        noise_floor: smallest standard deviation of the noise, in output units [1].
        expected_noise: how far an expected label may be off, as a standard deviation, in output
            units [1].
        expected_loss_max: most that an expected label counts against an estimate, in
            log-likelihood [1].
        gate: a sample further off than this many standard deviations of the latest ones counts
            less, with the inverse square of its distance; unless one of the estimates is off by
            less than half of that.
        gate_memory: newest labels whose median error says what is usual [independent samples];
            nine labels at least, or as many as come in the time of 14 such samples, but no fewer
            than five. Of labels that are 0.8 samples apart or more, two that are off alike
            suffice for a change where outliers of that size are not frequent.
        jump_ratio: the world has jumped when the usual error grows by this factor; the past then
            counts `jump_kept` times as much.
        record_memory: memory of how good the correction has been [independent samples].
        persistence_memory: memory of how much of a residual lasts [independent samples].
        persistence_prior: independent samples that say that nothing does.
        persistence_average_s: time over which the newest residuals are averaged [s].
        persistence_lasts_s: what is carried over fades in this time where no labels come [s].
        held_from, held_within: after how long without labels the readout begins to pass to what
            has lasted before (later where labels usually take longer), and the time constant of
            that [independent samples].
        held_lag: so long after what was learned a label says how much of it lasts [independent
            samples].
        held_memory: memory of that [independent samples].
        held_prior: independent samples that say that nothing does.
        held_doubt: how many times as large as what the shipped readout usually leaves, squared, a
            correction is that half of is kept though nothing says that it lasts [1].
        held_share_per_sample: as share_per_sample, of the mixture that is held.
    """

    correlation_s: float = 0.1
    offset_memory: float = 7.0
    offset_prior: float = 0.5
    memories: tuple[float, ...] = (20.0, 200.0)
    priors: tuple[float, ...] = (2.0, 8.0)
    loosening: float = 0.1
    world_memories: tuple[float, ...] = (5.0, 50.0)
    world_priors: tuple[float, ...] = (5.0, 5.0)
    world_share: float = 0.5
    anchor_share: float = 0.5
    share_per_sample: float = 0.05
    loss_max: float = 20.0
    variance_memory: float = 10.0
    noise_floor: float = 0.002
    expected_noise: float = 0.05
    expected_loss_max: float = 4.0
    gate: float = 4.0
    gate_memory: float = 1.5
    jump_ratio: float = 6.0
    jump_kept: float = 0.1
    record_memory: float = 100.0
    persistence_memory: float = 30.0
    persistence_prior: float = 5.0
    persistence_average_s: float = 0.05
    persistence_lasts_s: float = 0.5
    held_from: float = 15.0
    held_within: float = 7.0
    held_lag: float = 20.0
    held_memory: float = 500.0
    held_prior: float = 100.0
    held_doubt: float = 1.0
    held_share_per_sample: float = 0.005

    def __post_init__(self) -> None:
        for memories, priors in (("memories", "priors"), ("world_memories", "world_priors")):
            values = getattr(self, memories), getattr(self, priors)
            if len(values[0]) != len(values[1]):
                raise ValueError(
                    f"{memories} = {values[0]} and {priors} = {values[1]}: "
                    "each estimate needs one of each"
                )
        if not self.memories:
            raise ValueError("memories = (): there must be one at least")
        for name in (
            "correlation_s",
            "offset_memory",
            "variance_memory",
            "noise_floor",
            "record_memory",
            "persistence_memory",
            "persistence_prior",
            "persistence_average_s",
            "persistence_lasts_s",
            "held_within",
            "held_lag",
            "held_memory",
            "held_prior",
            "held_doubt",
        ):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.held_from >= 0.0:
            raise ValueError(f"held_from must be at least 0, got {self.held_from}")
        for name in (
            "loosening",
            "world_share",
            "anchor_share",
            "share_per_sample",
            "held_share_per_sample",
        ):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")

    @property
    def noise_at_first(self) -> float:
        """Standard deviation that the noise is taken to have before there are labels [1]."""
        return max(self.noise_floor, _NOISE_AT_FIRST)

    def shares(self, world: WorldPrior | None) -> list[float]:
        """What is dealt out to each estimate of all weight dealt out anew."""
        worlds = len(self.world_memories) if world else 0
        left = 1.0 - self.world_share if worlds else 1.0
        learners = 1 + len(self.memories)
        own = [left * (1.0 - self.anchor_share) / learners] * learners
        return [left * self.anchor_share, *own, *[self.world_share / max(worlds, 1)] * worlds]

    def independent(self, dt_s: Array, stands_for: Array | float = 1.0) -> Array:
        """How many independent samples each of some labels is.

        dt_s: time of its sample [s]. stands_for: of how many samples, usually, it is the only one
        that is labelled. Both (N, O), or what fits that.
        """
        alone = np.clip(self.correlation_s / dt_s, 1.0, stands_for)  # of so many that are alike
        return np.minimum(dt_s / self.correlation_s, 1.0) * (1.0 + _ALONE * (alone - 1.0))

    def apart(self, dt_s: Array, stands_for: Array) -> Array:
        """How far each of some labels usually is from the one before it [independent samples];
        arguments as of `independent`."""
        return dt_s * stands_for / self.correlation_s
