"""The ways of learning that the suite puts side by side."""

from __future__ import annotations

from dataclasses import replace

from liquid_adapt_ros.adaptation.engine_settings import EngineSettings, WindowSettings
from liquid_adapt_ros.adaptation.learner import LearnerSettings
from liquid_adapt_ros.adaptation.window_training import TrainingSettings

ENGINE = LearnerSettings().engine

# The recipe this package began with: one AdamW step each half second on the last two seconds,
# mean squared error, taken over whatever comes of it.
ORIGINAL = replace(
    ENGINE,
    readout=None,
    guard=None,
    training=TrainingSettings(
        learning_rate=2e-4,
        bias_learning_rate=2e-4,
        gradient_floor=1e-8,
        steps=1,
        linear_from=1e3,
        elastic_strength=0.0,
    ),
    windows=WindowSettings(recent=2, newest=1, replay=0, nominal=0),
)

_NO_STORE = replace(ENGINE.windows, replay=0, nominal=0)
_NO_ELASTICITY = replace(ENGINE.training, elastic_strength=0.0)

# What the report compares.
USUAL: dict[str, EngineSettings] = {
    "original": ORIGINAL,
    "readout": replace(ENGINE, training=None),
    "window": replace(ENGINE, readout=None),
    "both": ENGINE,
    "both_no_replay": replace(ENGINE, training=_NO_ELASTICITY, windows=_NO_STORE),
    "both_no_guard": replace(ENGINE, guard=None),
}
# What holds old knowledge shows where nothing else does: the trained network by itself, every
# candidate in use.
_TRAINED = replace(ENGINE, readout=None, guard=None)

# Only where they are asked for.
METHODS = USUAL | {
    "both_no_worlds": replace(
        ENGINE, readout=replace(ENGINE.readout, world_memories=(), world_priors=())
    ),
    "trained": _TRAINED,
    "trained_replay_only": replace(_TRAINED, training=_NO_ELASTICITY),
    "trained_ewc_only": replace(_TRAINED, windows=_NO_STORE),
    "trained_nothing_held": replace(_TRAINED, training=_NO_ELASTICITY, windows=_NO_STORE),
}


def learner_settings(method: str) -> LearnerSettings:
    """The settings of one of METHODS, on the robot."""
    return LearnerSettings(engine=METHODS[method])
