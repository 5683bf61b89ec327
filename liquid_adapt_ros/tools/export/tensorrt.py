"""The command lines that make TensorRT engines of half precision from exported ONNX files."""

from __future__ import annotations

import json
from collections.abc import Sequence

import onnx

from liquid_adapt_ros.tools.export.export import ExportedFile
from liquid_adapt_ros.weights.model_file import METADATA_NAME

# Samples of a window: fewest, those the engine is tuned for (2 s at 100 Hz), most.
WINDOW_SAMPLES = (1, 200, 1000)


def trtexec_lines(files: Sequence[ExportedFile]) -> list[str]:
    """Return one line for each ONNX file; axes without a fixed size get ranges."""
    return [_line(file) for file in files if file.name.endswith(".onnx")]


def _line(file: ExportedFile) -> str:
    model = onnx.load_model_from_string(file.content)
    metadata = {item.key: item.value for item in model.metadata_props}
    shapes = json.loads(metadata[METADATA_NAME])["shapes"]
    inputs = {node.name: shapes[node.name] for node in model.graph.input}
    flexible = {
        name: shape
        for name, shape in inputs.items()
        if any(isinstance(size, str) for size in shape)
    }
    line = f"trtexec --onnx={file.name} --fp16 --saveEngine={file.name.removesuffix('.onnx')}.plan"
    for option, samples in zip(("min", "opt", "max"), WINDOW_SAMPLES, strict=True):
        if flexible:
            sizes = ",".join(
                f"{name}:{_sizes(shape, samples)}" for name, shape in flexible.items()
            )
            line += f" --{option}Shapes={sizes}"
    return line


def _sizes(shape: Sequence[int | str], samples: int) -> str:
    """Sizes as trtexec writes them; one picture in a batch, `samples` in a window."""
    free = {"batch": 1, "time": samples}
    return "x".join(str(free.get(size, size)) for size in shape)
