"""All settings of the engine; the defaults are for any well-scaled stream."""

from __future__ import annotations

from dataclasses import dataclass, field

from liquid_adapt_ros.adaptation.guard import GuardSettings
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.window_training import TrainingSettings


@dataclass(frozen=True)
class WindowSettings:
    """Which pieces of the stream the network is trained on.

    Attributes:
        length: samples in a window.
        burn_in: first samples of a window whose labels do not count: the state settles there.
        recent: windows cut from the newest labelled samples.
        newest: newest labelled samples, which are kept for the judge.
        min_labelled: labelled samples that a window needs.
        replay: windows drawn from what was seen since the start.
        replay_capacity: windows kept of it.
        nominal: windows drawn from the nominal set.
        replay_weight, nominal_weight: how much all of them count, the recent ones counting 1.
    """

    length: int = 100
    burn_in: int = 20
    recent: int = 2
    newest: int = 30
    min_labelled: int = 20
    replay: int = 2
    replay_capacity: int = 32
    nominal: int = 4
    replay_weight: float = 0.5
    nominal_weight: float = 1.0


@dataclass(frozen=True)
class EngineSettings:
    """Settings of the two time scales and of what watches over them.

    Attributes:
        memory_s: length of stream that is kept [s]; labels may come this late.
        update_period_s: shortest time between two updates of the readout [s].
        expected_s: how long after its sample a label may be expected; then it isn't coming [s].
        prior_isotropy: how much of the readout's prior is the same in all directions [1]; the
            rest is the second moment of the features. Where there is no nominal set to know that
            from, more of it is as long as little has been seen.
        readout: the fast time scale; None: off.
        training: the slow time scale; None: off.
        windows: what it trains on.
        guard: what counts as worse; None: everything is accepted and nothing taken back.
    """

    memory_s: float = 30.0
    update_period_s: float = 0.02
    expected_s: float = 1.0
    prior_isotropy: float = 0.1
    readout: ReadoutSettings | None = field(default_factory=ReadoutSettings)
    training: TrainingSettings | None = field(default_factory=TrainingSettings)
    windows: WindowSettings = field(default_factory=WindowSettings)
    guard: GuardSettings | None = field(default_factory=GuardSettings)

    def __post_init__(self) -> None:
        for name in ("memory_s", "update_period_s", "expected_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0.0 <= self.prior_isotropy <= 1.0:
            raise ValueError(f"prior_isotropy must be in [0, 1], got {self.prior_isotropy}")
