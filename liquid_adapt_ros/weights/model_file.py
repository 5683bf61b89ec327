"""One model in one file: tensors in safetensors, the rest as JSON in its metadata."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from liquid_adapt_ros.weights.atomic_file import write_atomically
from liquid_adapt_ros.weights.codec import (
    Shape,
    WeightFormatError,
    decode,
    encode,
    read_metadata,
)
from liquid_adapt_ros.weights.fingerprint import canonical_json, fingerprint

METADATA_NAME = "liquid_adapt"
NORM_PREFIX = "norm."
# The shipped model has 35 k values (140 KB); 64 MiB leaves room for any that a robot could run.
MAX_MODEL_BYTES = 64 << 20


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds.

    spec: the policy's spec as JSON values. params: the learnable tensors. norm: the fixed ones,
    named "norm.*". encoder_sha256: hex sha256 of the encoder that makes its features. metadata:
    anything else worth telling, as JSON values (data, seeds, errors, weight version).
    """

    spec: dict[str, Any]
    params: dict[str, np.ndarray]
    norm: dict[str, np.ndarray]
    encoder_sha256: str
    metadata: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """Hex sha256 of spec, encoder and norm: the same for every version of the weights."""
        return fingerprint(self.spec, self.encoder_sha256, self.norm)

    def save(self, path: Path | str) -> None:
        """Write the file atomically: a crash leaves the previous one whole.

        Raises WeightFormatError for tensors that are not finite float32, ValueError for values
        that JSON can't hold, OSError.
        """
        description = {
            "spec": self.spec,
            "encoder_sha256": self.encoder_sha256,
            "fingerprint": self.fingerprint,
            "metadata": self.metadata,
        }
        content = encode(
            {**self.params, **self.norm}, {METADATA_NAME: canonical_json(description).decode()}
        )
        write_atomically(Path(path), content)

    @classmethod
    def load(
        cls, path: Path | str, expected_shapes: Callable[[dict[str, Any]], Mapping[str, Shape]]
    ) -> ModelFile:
        """Read and check a model file.

        expected_shapes: gives the shape of every tensor (learnable and norm) for the spec found in
        the file, and raises ValueError for a spec it does not know. Raises WeightFormatError where
        the content is not a whole, consistent model, OSError where it can't be read.
        """
        path = Path(path)
        try:
            return cls._parse(_read_bounded(path), expected_shapes)
        except WeightFormatError as error:
            raise WeightFormatError(f"{path}: {error}") from error

    @classmethod
    def _parse(
        cls, content: bytes, expected_shapes: Callable[[dict[str, Any]], Mapping[str, Shape]]
    ) -> ModelFile:
        description = _parse_description(read_metadata(content, MAX_MODEL_BYTES))
        try:
            shapes = expected_shapes(description["spec"])
        except ValueError as error:
            raise WeightFormatError(f"spec: {error}") from error
        tensors = decode(content, shapes, MAX_MODEL_BYTES)
        missing = sorted(shapes.keys() - tensors.keys())
        if missing:
            raise WeightFormatError(f"missing tensors {missing}")
        model = cls(
            spec=description["spec"],
            params={n: t for n, t in tensors.items() if not n.startswith(NORM_PREFIX)},
            norm={n: t for n, t in tensors.items() if n.startswith(NORM_PREFIX)},
            encoder_sha256=description["encoder_sha256"],
            metadata=description["metadata"],
        )
        if model.fingerprint != description["fingerprint"]:
            raise WeightFormatError(
                f"fingerprint {description['fingerprint']} does not match the content, "
                f"which has {model.fingerprint}"
            )
        return model


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_MODEL_BYTES + 1)


def _parse_description(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        description = json.loads(metadata[METADATA_NAME])
    except KeyError:
        raise WeightFormatError(f"no {METADATA_NAME!r} in the metadata") from None
    except (ValueError, RecursionError) as error:
        raise WeightFormatError(f"{METADATA_NAME!r} is not JSON: {error}") from error
    types = {"spec": dict, "encoder_sha256": str, "fingerprint": str, "metadata": dict}
    if not isinstance(description, dict) or description.keys() != types.keys():
        raise WeightFormatError(f"{METADATA_NAME!r} must be an object of {sorted(types)}")
    for name, expected in types.items():
        if not isinstance(description[name], expected):
            raise WeightFormatError(f"{name} must be {expected.__name__}")
    return description
