"""What the benchmark measures, and how long."""

from __future__ import annotations

from dataclasses import dataclass, field

from liquid_adapt_ros.lnn import NetworkSpec


@dataclass(frozen=True)
class Workload:
    """The network of the speed comparison: the design's sizes, one sample at a time.

    features, outputs, hidden, head: units. window: samples of a gradient window. step_s: [s].
    """

    features: int = 140
    outputs: int = 12
    hidden: int = 64
    head: int = 64
    window: int = 100
    step_s: float = 0.01

    def spec(self, cell: str = "liquid_ode", solver: str = "rk4") -> NetworkSpec:
        """Our network of these sizes."""
        return NetworkSpec(
            features=self.features,
            outputs=self.outputs,
            hidden=self.hidden,
            head=self.head,
            cell=cell,
            solver=solver,
            step_s=self.step_s,
        )


@dataclass(frozen=True)
class TimingSettings:
    """Rounds in which every subject is called in turn.

    step_rounds, gradient_rounds, growth_rounds: number of rounds. block_s: in a round a subject is
    called again until about this much time has passed, at least twice [s]. most_per_block: but
    not more often.
    """

    step_rounds: int = 200
    gradient_rounds: int = 30
    growth_rounds: int = 50
    block_s: float = 0.01
    most_per_block: int = 50


@dataclass(frozen=True)
class GrowthSettings:
    """Sizes at which the cost is measured."""

    hidden: tuple[int, ...] = (32, 64, 128, 256)
    window: tuple[int, ...] = (50, 100, 200, 400)
    batch: tuple[int, ...] = (1, 8, 32)


@dataclass(frozen=True)
class TrackingSettings:
    """The synthetic target-tracking task behind the position errors of the design's tables.

    length: samples of an episode. unscored: first samples that count neither in training nor in
    the error, while the state settles. test_episodes: episodes of the error.
    """

    hidden: tuple[int, ...] = (32, 64, 128, 256)
    solvers: tuple[str, ...] = ("rk4", "euler", "exponential", "fused")
    steps: int = 200
    batch: int = 16
    length: int = 120
    unscored: int = 40
    learning_rate: float = 3e-3
    test_episodes: int = 64
    seed: int = 0


@dataclass(frozen=True)
class SequenceSettings:
    """Next-step prediction of somebody else's series: one recipe for every network.

    train_share: the first part of the series, for training; the rest is the test. window: samples
    of a training window. batch: windows of an update. test_window, unscored: samples of a test
    window and its first samples that are not scored, while the state settles.
    """

    units: int = 32
    train_share: float = 0.75
    window: int = 48
    batch: int = 16
    epochs: int = 30
    learning_rate: float = 5e-3
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    test_window: int = 240
    unscored: int = 48


@dataclass(frozen=True)
class BenchSettings:
    """Everything together."""

    workload: Workload = field(default_factory=Workload)
    timing: TimingSettings = field(default_factory=TimingSettings)
    growth: GrowthSettings = field(default_factory=GrowthSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    sequence: SequenceSettings = field(default_factory=SequenceSettings)
