"""A loaded model with its meaning: spec, weights, normalisation, fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liquid_adapt_ros.lnn.spec import PolicySpec, Shape
from liquid_adapt_ros.weights.codec import WeightFormatError
from liquid_adapt_ros.weights.model_file import ModelFile


@dataclass(frozen=True)
class PolicyModel:
    """A model ready to run; the tensors are those of spec.shapes() and spec.norm_shapes()."""

    spec: PolicySpec
    params: dict[str, np.ndarray]
    norm: dict[str, np.ndarray]
    encoder_sha256: str
    fingerprint: str
    metadata: dict[str, Any]


def load_policy(path: Path | str) -> PolicyModel:
    """Read a model file; raise WeightFormatError or OSError, naming what is wrong with it."""
    model = ModelFile.load(path, _all_shapes)
    spec = PolicySpec.from_dict(model.spec)
    try:
        spec.check_norm(model.norm)
    except ValueError as error:
        raise WeightFormatError(f"{path}: {error}") from error
    return PolicyModel(
        spec, model.params, model.norm, model.encoder_sha256, model.fingerprint, model.metadata
    )


def _all_shapes(spec_values: Mapping[str, Any]) -> dict[str, Shape]:
    spec = PolicySpec.from_dict(spec_values)
    return spec.shapes() | spec.norm_shapes()
