"""The parameters of online_trainer, and the settings they make."""

from collections.abc import Mapping
from typing import Any

from liquid_adapt_ros.adaptation.hindsight import TrackLimits
from liquid_adapt_ros.adaptation.learner import LearnerSettings
from liquid_adapt_ros.adaptation.trainer import TrainerSettings
from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.nodes.shipped import MODEL_FILE

_LEARNER, _TRACK, _TRAINER = LearnerSettings(), TrackLimits(), TrainerSettings()

PARAMETERS = (
    MODEL_FILE,
    Parameter("base_frame", "base_link", "Frame that object_pose must be in.", read_only=True),
    Parameter("period_s", 0.5, "Time between two training steps [s].", 0.02, 60.0, read_only=True),
    Parameter(
        "window_s", _LEARNER.window_s, "Length of the window [s].", 0.1, 60.0, read_only=True
    ),
    Parameter(
        "max_gap_s",
        _LEARNER.max_gap_s,
        "Longest time between two samples of one window [s].",
        0.001,
        10.0,
        read_only=True,
    ),
    Parameter(
        "min_labelled_samples",
        _LEARNER.min_labelled_samples,
        "Samples with a known position that a training step needs.",
        1,
        100000,
        read_only=True,
    ),
    Parameter(
        "command_tolerance_s",
        _LEARNER.command_tolerance_s,
        "How far a planner's command may be from its sample [s].",
        0.0,
        1.0,
        read_only=True,
    ),
    Parameter(
        "score_span_s",
        _LEARNER.score_span_s,
        "Length of the sliding score in adaptation_status [s].",
        0.1,
        3600.0,
        read_only=True,
    ),
    Parameter(
        "max_detection_gap_s",
        _TRACK.max_gap_s,
        "Longest time between two detections of one object [s].",
        0.001,
        10.0,
        read_only=True,
    ),
    Parameter(
        "max_object_speed_m_s",
        _TRACK.max_speed_m_s,
        "Highest speed of an object in the base frame [m/s].",
        0.0,
        100.0,
        read_only=True,
    ),
    Parameter(
        "jump_margin_m",
        _TRACK.jump_margin_m,
        "What detector noise adds to the distance of two detections [m].",
        0.0,
        10.0,
        read_only=True,
    ),
    Parameter(
        "seen_before_s",
        _TRACK.seen_before_s,
        "How long before a sample its object must have been observed already [s].",
        0.0,
        10.0,
        read_only=True,
    ),
    Parameter(
        "weight_patience_s",
        2.0,
        "How long lnn_inference may run older weights than the ones sent before learning starts "
        "again from the shipped ones [s].",
        0.1,
        60.0,
        read_only=True,
    ),
    Parameter(
        "learning_rate", _TRAINER.learning_rate, "AdamW's rate for weight matrices.", 0.0, 1.0
    ),
    Parameter(
        "bias_learning_rate", _TRAINER.bias_learning_rate, "AdamW's rate for biases.", 0.0, 1.0
    ),
    Parameter(
        "gradient_floor",
        _TRAINER.gradient_floor,
        "AdamW's epsilon: smaller gradients move the weights in proportion.",
        1e-12,
        1e6,
    ),
    Parameter(
        "max_gradient_norm", _TRAINER.max_gradient_norm, "Gradients are clipped to it.", 1e-6, 1e6
    ),
    Parameter(
        "position_weight", _TRAINER.position_weight, "Weight of the position loss.", 0.0, 1e3
    ),
    Parameter("action_weight", _TRAINER.action_weight, "Weight of the action loss.", 0.0, 1e3),
)


def learner_settings(values: Mapping[str, Any]) -> LearnerSettings:
    """What belongs to a window, a label and a score."""
    return LearnerSettings(
        window_s=values["window_s"],
        max_gap_s=values["max_gap_s"],
        min_labelled_samples=values["min_labelled_samples"],
        command_tolerance_s=values["command_tolerance_s"],
        score_span_s=values["score_span_s"],
        track=TrackLimits(
            max_gap_s=values["max_detection_gap_s"],
            max_speed_m_s=values["max_object_speed_m_s"],
            jump_margin_m=values["jump_margin_m"],
            seen_before_s=values["seen_before_s"],
        ),
    )


def trainer_settings(values: Mapping[str, Any]) -> TrainerSettings:
    """How far a training step may go."""
    return TrainerSettings(**{name: values[name] for name in vars(_TRAINER)})
