"""All files of one model: traced, checked against torch, and only then written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.fusion.encoder_identity import trained_bytes, with_metadata
from liquid_adapt_ros.lnn.torch_network import LiquidNetwork
from liquid_adapt_ros.onnx_session import open_session
from liquid_adapt_ros.runtime.policy_model import PolicyModel, load_policy
from liquid_adapt_ros.tools.export.checks import (
    ENCODER_LIMIT,
    POLICY_LIMIT,
    Run,
    encoder_difference,
    onnx_run,
    package_run,
    step_difference,
    window_difference,
)
from liquid_adapt_ros.tools.export.policy_files import onnx_content, package_content
from liquid_adapt_ros.tools.export.policy_forms import (
    PolicyForm,
    check_exportable,
    step_form,
    window_form,
)
from liquid_adapt_ros.tools.export.recorded_input import RecordedInput, record_input
from liquid_adapt_ros.tools.export.torch_encoder import torch_encoder
from liquid_adapt_ros.tools.pretrain.export import random_inputs
from liquid_adapt_ros.weights.atomic_file import write_atomically

RANDOM_SAMPLES, RANDOM_PICTURES = 200, 16

Array = NDArray[np.float32]
Difference = Callable[[Run, LiquidNetwork, Array, Array], float]


class ExportMismatch(RuntimeError):
    """An exported file answers otherwise than torch."""


@dataclass(frozen=True)
class ExportedFile:
    """One file and how it was checked.

    Attributes:
        name: its file name.
        content: its bytes.
        random, recorded: largest absolute difference from torch on random and on recorded input;
            None where there is no torch form to compare with.
        limit: what they must not exceed.
    """

    name: str
    content: bytes
    random: float | None
    recorded: float | None
    limit: float


def export_model(model_path: Path, encoder_path: Path, duration_s: float) -> list[ExportedFile]:
    """Return the files of a model, checked over `duration_s` of a simulated episode [s].

    Raises ValueError where the model can't be exported or the encoder is not its own,
    ExportMismatch where a file differs from torch, OSError.
    """
    model = load_policy(model_path)
    check_exportable(model.spec.network)
    encoder = OnnxEncoder(encoder_path)
    if encoder.sha256 != model.encoder_sha256:
        raise ValueError(f"{encoder_path} is not the encoder that {model_path} belongs to")
    recorded = record_input(model, encoder, duration_s)
    files = [
        *_policy_files(model, "policy_step", step_form, step_difference, recorded),
        *_policy_files(model, "policy_window", window_form, window_difference, recorded),
        *_encoder_files(model, encoder_path, recorded),
    ]
    for file in files:
        for source in ("random", "recorded"):
            difference = getattr(file, source)
            # Written so that NaN counts as too much.
            if difference is not None and not difference <= file.limit:
                raise ExportMismatch(
                    f"{file.name} differs from torch by {difference:.2e} on {source} input, "
                    f"limit {file.limit:.0e}"
                )
    return files


def write_files(files: Sequence[ExportedFile], folder: Path) -> None:
    """Write the files into a folder, each atomically; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        write_atomically(folder / file.name, file.content)


def _policy_files(
    model: PolicyModel,
    kind: str,
    make_form: Callable[..., PolicyForm],
    difference: Difference,
    recorded: RecordedInput,
) -> list[ExportedFile]:
    spec = model.spec.network
    form = make_form(spec, model.params)
    metadata = _metadata(model, kind)
    graph = onnx_content(form, metadata)
    package = package_content(form.program, metadata | {"shapes": form.shapes})
    network = LiquidNetwork(spec, model.params)
    rng = np.random.default_rng(0)
    features = rng.standard_normal((RANDOM_SAMPLES, spec.features)).astype(np.float32)
    dts_s = (spec.step_s * rng.uniform(0.1, 1.0, RANDOM_SAMPLES)).astype(np.float32)
    regular = np.full(len(recorded.features), spec.step_s, np.float32)

    def checked(name: str, content: bytes, run: Run) -> ExportedFile:
        return ExportedFile(
            name,
            content,
            difference(run, network, features, dts_s),
            difference(run, network, recorded.features, regular),
            POLICY_LIMIT,
        )

    return [
        checked(f"{kind}.onnx", graph, onnx_run(graph, kind)),
        checked(f"{kind}.pt2", package, package_run(package)),
    ]


def _encoder_files(model: PolicyModel, path: Path, recorded: RecordedInput) -> list[ExportedFile]:
    """The encoder with metadata, and as a package where the file can be read back into torch."""
    content = path.read_bytes()
    session = open_session(content, path)
    trained = trained_bytes(content, session.get_modelmeta().custom_metadata_map)
    metadata = _metadata(model, "encoder") | {
        "shapes": {n.name: n.shape for n in (*session.get_inputs(), *session.get_outputs())},
    }
    opset = onnx.load_model_from_string(trained).opset_import[0].version
    described = with_metadata(trained, metadata | {"opset": opset})
    name = "conveyor_encoder.onnx"
    run = onnx_run(described, name)
    try:
        encoder = torch_encoder(trained)
    except ValueError:
        run(dict(zip(("image", "points"), random_inputs(1, seed=0), strict=True)))
        return [ExportedFile(name, described, None, None, ENCODER_LIMIT)]
    inputs = random_inputs(RANDOM_PICTURES, seed=1)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(
        encoder,
        tuple(torch.from_numpy(part[:2]) for part in inputs),
        dynamic_shapes=({0: batch}, {0: batch}),
    )
    package = package_content(program, metadata)
    difference = partial(encoder_difference, encoder=encoder)
    return [
        ExportedFile(
            file,
            data,
            difference(runs, images=inputs[0], points=inputs[1]),
            difference(runs, images=recorded.images, points=recorded.points),
            ENCODER_LIMIT,
        )
        for file, data, runs in (
            (name, described, run),
            ("conveyor_encoder.pt2", package, package_run(package)),
        )
    ]


def _metadata(model: PolicyModel, kind: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "fingerprint": model.fingerprint,
        "encoder_sha256": model.encoder_sha256,
        "spec": model.spec.to_dict(),
    }
