"""Which model a node runs: a file named by a parameter, or the one shipped with the package."""

from pathlib import Path

from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.share import share_folder

MODEL_FILE = Parameter(
    "model_file",
    "",
    "Core, head and normalisation (safetensors); empty: models/conveyor_policy.safetensors.",
    read_only=True,
)
ENCODER_FILE = Parameter(
    "encoder_file",
    "",
    "The camera encoder (ONNX) of that model; empty: models/conveyor_encoder.onnx.",
    read_only=True,
)


def model_path(parameter: str) -> Path:
    """The file that a value of MODEL_FILE means."""
    return Path(parameter) if parameter else _shipped("conveyor_policy.safetensors")


def encoder_path(parameter: str) -> Path:
    """The file that a value of ENCODER_FILE means."""
    return Path(parameter) if parameter else _shipped("conveyor_encoder.onnx")


def _shipped(name: str) -> Path:
    return share_folder() / "models" / name
