"""A small random model and encoder with the shipped ones' interfaces, made in a moment.

Tests of the nodes use it, so that they don't depend on what training produced.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.weights.fingerprint import file_sha256
from liquid_adapt_ros.weights.model_file import ModelFile

# About what the model puts out for all of its outputs: it wants the joints to move.
MEAN_OUTPUT = 0.4


@dataclass(frozen=True)
class TinyModel:
    """Where the files are, and what is in them."""

    model_path: Path
    encoder_path: Path
    spec: PolicySpec
    params: dict[str, np.ndarray]
    norm: dict[str, np.ndarray]
    fingerprint: str

    def parameters(self) -> dict[str, str]:
        """The node parameters that name the two files."""
        return {"model_file": str(self.model_path), "encoder_file": str(self.encoder_path)}


def write_tiny_model(folder: Path, seed: int = 0, **spec_values: object) -> TinyModel:
    """Write a random model of the given spec values and an encoder into `folder`."""
    spec = PolicySpec(**spec_values)
    rng = np.random.default_rng(seed)
    encoder_path = folder / "encoder.onnx"
    write_tiny_encoder(encoder_path, spec.inputs.embedding, rng)
    params = {
        name: (0.1 * rng.standard_normal(shape)).astype(np.float32)
        for name, shape in spec.shapes().items()
    }
    norm = {name: np.zeros(shape, np.float32) for name, shape in spec.norm_shapes().items()}
    norm["norm.feature_scale"] += 1.0
    norm["norm.output_scale"] += 0.1
    norm["norm.output_mean"] += MEAN_OUTPUT
    model = ModelFile(spec.to_dict(), params, norm, file_sha256(encoder_path), {"seed": seed})
    model.save(folder / "model.safetensors")
    return TinyModel(
        folder / "model.safetensors", encoder_path, spec, params, norm, model.fingerprint
    )


def write_tiny_encoder(path: Path, size: int, rng: np.random.Generator) -> None:
    """Write an encoder that mixes the channel means of image and points into `size` values."""
    weight = rng.standard_normal((8, size)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["image_mean"]),
        helper.make_node("GlobalAveragePool", ["points"], ["points_mean"]),
        helper.make_node("Concat", ["image_mean", "points_mean"], ["means"], axis=1),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny_encoder",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 4, 96, 128]),
            helper.make_tensor_value_info("points", TensorProto.FLOAT, ["n", 4, 24, 32]),
        ],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", size])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
