"""Fingerprint of a model: what must agree for weights and features to fit together.

It covers the spec, the encoder and the normalisation, not the weights that are learned.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

READ_BYTES = 1 << 20


def fingerprint(
    spec: Mapping[str, Any], encoder_sha256: str, norm: Mapping[str, np.ndarray]
) -> str:
    """Return the hex sha256 of spec (JSON values), encoder (hex sha256) and fixed tensors."""
    digest = hashlib.sha256()
    digest.update(canonical_json({"spec": dict(spec), "encoder_sha256": encoder_sha256}))
    for name in sorted(norm):
        values = np.ascontiguousarray(norm[name], "<f4")
        digest.update(canonical_json([name, list(values.shape)]))
        digest.update(values.tobytes())
    return digest.hexdigest()


def canonical_json(values: Any) -> bytes:
    """Return JSON that is the same for equal values; raise ValueError for NaN or infinity."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def file_sha256(path: Path) -> str:
    """Return the hex sha256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
