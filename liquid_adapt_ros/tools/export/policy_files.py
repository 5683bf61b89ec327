"""A policy's traced form as the bytes of an ONNX file and of a torch.export package."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from typing import Any

import onnx
import torch

from liquid_adapt_ros.tools.export.policy_forms import PolicyForm
from liquid_adapt_ros.weights.model_file import METADATA_NAME

# The oldest version that torch's exporter writes without conversion: more runtimes read it.
OPSET = 18
PACKAGE_METADATA = "metadata.json"


def onnx_content(form: PolicyForm, metadata: Mapping[str, Any]) -> bytes:
    """Return the form as ONNX, with its names, shapes and `metadata` (JSON values) inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about its own internals
        exported = torch.onnx.export(
            form.program,
            input_names=list(form.inputs),
            output_names=list(form.outputs),
            dynamic_shapes=form.dynamic_shapes,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = exported.model_proto
    _forget_sources(model)
    described = {**metadata, "shapes": form.shapes, "opset": OPSET}
    onnx.helper.set_model_props(model, {METADATA_NAME: json.dumps(described, sort_keys=True)})
    return model.SerializeToString()


def package_content(program: torch.export.ExportedProgram, metadata: Mapping[str, Any]) -> bytes:
    """Return a traced module as a torch.export package (.pt2) with `metadata` inside."""
    package = io.BytesIO()
    extra = {PACKAGE_METADATA: json.dumps(dict(metadata), sort_keys=True)}
    torch.export.save(program, package, extra_files=extra)
    return package.getvalue()


def _forget_sources(model: onnx.ModelProto) -> None:
    """Remove what the exporter tells of the Python lines behind each node: most of the bytes."""
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        for described in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
            described.ClearField("doc_string")
            described.ClearField("metadata_props")
        graphs += [item.g for node in graph.node for item in node.attribute if item.HasField("g")]
