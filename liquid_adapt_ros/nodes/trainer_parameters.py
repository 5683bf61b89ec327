"""The parameters of online_trainer, and the settings they make."""

from collections.abc import Mapping
from typing import Any

from liquid_adapt_ros.adaptation.detector_judge import JudgeLimits
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings, WindowSettings
from liquid_adapt_ros.adaptation.governor.settings import GovernorSettings
from liquid_adapt_ros.adaptation.guard import GuardSettings
from liquid_adapt_ros.adaptation.hindsight import TrackLimits
from liquid_adapt_ros.adaptation.learner import LearnerSettings
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.window_training import TrainingSettings
from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.nodes.shipped import MODEL_FILE

_LEARNER, _TRACK, _JUDGE = LearnerSettings(), TrackLimits(), JudgeLimits()
_ENGINE = _LEARNER.engine
_READOUT, _TRAINING, _WINDOWS = _ENGINE.readout, TrainingSettings(), WindowSettings()
_GUARD, _GOVERNOR = GuardSettings(), GovernorSettings()


def _fixed(name: str, default: Any, text: str, low: float, high: float) -> Parameter:
    return Parameter(name, default, text, low, high, read_only=True)


_LABELS = (
    Parameter("base_frame", "base_link", "Frame that object_pose must be in.", read_only=True),
    _fixed(
        "command_tolerance_s",
        _LEARNER.command_tolerance_s,
        "How far a planner's command may be from its sample [s].",
        0.0,
        1.0,
    ),
    _fixed(
        "score_span_s",
        _LEARNER.score_span_s,
        "Length of the sliding score in adaptation_status [s].",
        0.1,
        3600.0,
    ),
    _fixed(
        "max_detection_gap_s",
        _TRACK.max_gap_s,
        "Longest time between two detections of one object [s].",
        0.001,
        10.0,
    ),
    _fixed(
        "max_object_speed_m_s",
        _TRACK.max_speed_m_s,
        "Highest speed of an object in the base frame [m/s].",
        0.0,
        100.0,
    ),
    _fixed(
        "jump_margin_m",
        _TRACK.jump_margin_m,
        "How far a detection may be from where its object's velocity takes it [m].",
        0.0,
        10.0,
    ),
    _fixed(
        "surprise_m",
        _JUDGE.surprise_m,
        "Mean error on a new object, beyond twice the usual, that the detector is blamed for [m].",
        0.0,
        10.0,
    ),
    _fixed(
        "other_speed_m_s",
        _JUDGE.other_speed_m_s,
        "It is not blamed where the velocity of objects has changed by more than this [m/s].",
        0.0,
        10.0,
    ),
    _fixed(
        "other_camera_age_s",
        _JUDGE.other_camera_age_s,
        "It is not blamed where the age of the pictures has changed by more than this [s].",
        0.0,
        10.0,
    ),
    _fixed(
        "distrust_s",
        _JUDGE.distrust_s,
        "How long its labels are then refused, unless the error is back to usual [s].",
        0.0,
        3600.0,
    ),
    _fixed(
        "seen_before_s",
        _TRACK.seen_before_s,
        "How long before a sample its object must have been observed already [s].",
        0.0,
        10.0,
    ),
)

_READOUT_ROWS = (
    _fixed(
        "update_period_s",
        _ENGINE.update_period_s,
        "Shortest time between two updates of the readout [s].",
        0.01,
        10.0,
    ),
    Parameter(
        "readout_memories",
        _READOUT.memories,
        "Memories of the estimates of the readout [independent samples].",
        1.0,
        1e6,
        read_only=True,
        any_length=True,
    ),
    Parameter(
        "readout_priors",
        _READOUT.priors,
        "How hard each of them is held to the network's own readout [independent samples].",
        0.0,
        1e6,
        read_only=True,
        any_length=True,
    ),
    Parameter(
        "world_memories",
        _READOUT.world_memories,
        "Memories of the estimates of the world, where the model knows how worlds differ "
        "[independent samples].",
        1.0,
        1e6,
        read_only=True,
        any_length=True,
    ),
    Parameter(
        "world_priors",
        _READOUT.world_priors,
        "How hard each of them is held to the world of the training [independent samples].",
        0.0,
        1e6,
        read_only=True,
        any_length=True,
    ),
    _fixed(
        "correlation_s",
        _READOUT.correlation_s,
        "Labels closer together than this count as fractions of an independent sample [s].",
        0.001,
        10.0,
    ),
    _fixed(
        "noise_floor",
        _READOUT.noise_floor,
        "Smallest standard deviation of what can't be predicted, in output units [1].",
        1e-6,
        10.0,
    ),
)

_NETWORK_ROWS = (
    Parameter(
        "learn_network",
        True,
        "Whether the whole network is trained too, not only its readout.",
        read_only=True,
    ),
    _fixed("learning_rate", _TRAINING.learning_rate, "AdamW's rate for weights.", 0.0, 1.0),
    _fixed(
        "bias_learning_rate", _TRAINING.bias_learning_rate, "AdamW's rate for biases.", 0.0, 1.0
    ),
    _fixed(
        "training_steps",
        _TRAINING.steps,
        "Training steps, one each period_s, that make one candidate.",
        1,
        1000,
    ),
    _fixed("accumulate", _TRAINING.accumulate, "Batches summed for one optimiser step.", 1, 1000),
    _fixed(
        "elastic_strength",
        _TRAINING.elastic_strength,
        "Pull towards the shipped weights by their Fisher information (EWC).",
        0.0,
        1e6,
    ),
    Parameter(
        "device",
        _TRAINING.device,
        "Where torch trains; on cuda head and readout run in half precision.",
        read_only=True,
        choices=("cpu", "cuda"),
    ),
    _fixed("position_weight", _LEARNER.position_weight, "Weight of position errors.", 0.0, 1e3),
    _fixed("action_weight", _LEARNER.action_weight, "Weight of action errors.", 0.0, 1e3),
    _fixed("window_samples", _WINDOWS.length, "Samples in a training window.", 10, 10000),
    _fixed(
        "min_labelled_samples",
        _WINDOWS.min_labelled,
        "Labelled samples that a training window needs.",
        1,
        10000,
    ),
    _fixed("replay_windows", _WINDOWS.replay, "Windows replayed in a batch.", 0, 1000),
    _fixed("nominal_windows", _WINDOWS.nominal, "Windows of the nominal set in a batch.", 0, 1000),
)

_GUARD_ROWS = (
    _fixed(
        "nominal_margin",
        _GUARD.nominal_margin,
        "How much worse a candidate may be on the nominal set, as a share.",
        0.0,
        10.0,
    ),
    _fixed(
        "live_margin",
        _GUARD.live_margin,
        "By what share another network's error has to be smaller before it is used instead: "
        "the shipped one, or that with a learned readout.",
        0.0,
        10.0,
    ),
    _fixed(
        "network_margin",
        _GUARD.network_margin,
        "The same for the trained network, whose state has to settle when it is put to use.",
        0.0,
        10.0,
    ),
    _fixed(
        "patience_s",
        _GUARD.patience_s,
        "How long, in time with labels, the shipped weights have to be in use before what was "
        "learned is forgotten [s].",
        0.0,
        3600.0,
    ),
    _fixed(
        "weight_patience_s",
        2.0,
        "How long lnn_inference may run older weights than the ones sent before learning starts "
        "again from the shipped ones [s].",
        0.1,
        60.0,
    ),
)

_GOVERNOR_ROWS = (
    Parameter("period_s", _GOVERNOR.period_s, "Time between two training steps [s].", 0.02, 60.0),
    Parameter(
        "longest_period_s",
        _GOVERNOR.longest_period_s,
        "Longest time between two training steps when throttled [s].",
        0.02,
        3600.0,
    ),
    Parameter(
        "cpu_share_max",
        _GOVERNOR.cpu_share_max,
        "Share of one core that training may take [1].",
        0.001,
        1.0,
    ),
    Parameter(
        "power_budget_w",
        _GOVERNOR.power_budget_w,
        "Training becomes rarer while more power is drawn [W]; 0: no budget.",
        0.0,
        1000.0,
    ),
    Parameter(
        "temperature_limit_c",
        _GOVERNOR.temperature_limit_c,
        "No training from this temperature on [degC].",
        0.0,
        150.0,
    ),
    Parameter(
        "temperature_hysteresis_c",
        _GOVERNOR.temperature_hysteresis_c,
        "Training goes on when it is this much cooler [degC].",
        0.0,
        50.0,
    ),
    Parameter(
        "least_slack_s",
        _GOVERNOR.least_slack_s,
        "Slack of the control period from which on a step may run while the robot moves [s].",
        0.0,
        1.0,
    ),
)

_CHECKPOINT_ROWS = (
    Parameter(
        "checkpoint_file",
        "",
        "Where what was learned is kept (safetensors); a relative path is below "
        "~/.ros/liquid_adapt_ros/NAMESPACE; empty: nothing is kept.",
        read_only=True,
    ),
    _fixed("checkpoint_period_s", 10.0, "Time between two checkpoints [s].", 0.5, 3600.0),
)

PARAMETERS = (
    MODEL_FILE,
    *_LABELS,
    *_READOUT_ROWS,
    *_NETWORK_ROWS,
    *_GUARD_ROWS,
    *_GOVERNOR_ROWS,
    *_CHECKPOINT_ROWS,
)


def learner_settings(values: Mapping[str, Any]) -> LearnerSettings:
    """What belongs to labels, score and learning. Raises ValueError where they contradict."""
    engine = EngineSettings(
        update_period_s=values["update_period_s"],
        readout=ReadoutSettings(
            correlation_s=values["correlation_s"],
            noise_floor=values["noise_floor"],
            memories=tuple(values["readout_memories"]),
            priors=tuple(values["readout_priors"]),
            world_memories=tuple(values["world_memories"]),
            world_priors=tuple(values["world_priors"]),
        ),
        training=_training(values) if values["learn_network"] else None,
        windows=WindowSettings(
            length=values["window_samples"],
            min_labelled=values["min_labelled_samples"],
            replay=values["replay_windows"],
            nominal=values["nominal_windows"],
        ),
        guard=GuardSettings(
            nominal_margin=values["nominal_margin"],
            live_margin=values["live_margin"],
            network_margin=values["network_margin"],
            patience_s=values["patience_s"],
        ),
    )
    return LearnerSettings(
        command_tolerance_s=values["command_tolerance_s"],
        score_span_s=values["score_span_s"],
        position_weight=values["position_weight"],
        action_weight=values["action_weight"],
        track=TrackLimits(
            max_gap_s=values["max_detection_gap_s"],
            max_speed_m_s=values["max_object_speed_m_s"],
            jump_margin_m=values["jump_margin_m"],
            seen_before_s=values["seen_before_s"],
        ),
        judge=JudgeLimits(
            surprise_m=values["surprise_m"],
            other_speed_m_s=values["other_speed_m_s"],
            other_camera_age_s=values["other_camera_age_s"],
            distrust_s=values["distrust_s"],
        ),
        engine=engine,
    )


def governor_settings(values: Mapping[str, Any]) -> GovernorSettings:
    """What training may take of the computer."""
    return GovernorSettings(**{name: values[name] for name in vars(_GOVERNOR)})


def _training(values: Mapping[str, Any]) -> TrainingSettings:
    return TrainingSettings(
        learning_rate=values["learning_rate"],
        bias_learning_rate=values["bias_learning_rate"],
        steps=values["training_steps"],
        accumulate=values["accumulate"],
        elastic_strength=values["elastic_strength"],
        device=values["device"],
    )
