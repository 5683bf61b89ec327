"""A file that is written again and again: the last whole one survives whatever happens."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from liquid_adapt_ros.weights.atomic_file import write_atomically
from liquid_adapt_ros.weights.codec import (
    Shape,
    WeightFormatError,
    decode,
    encode,
    read_metadata,
)
from liquid_adapt_ros.weights.fingerprint import canonical_json

DESCRIPTION = "liquid_adapt_checkpoint"
MAX_CHECKPOINT_BYTES = 64 << 20


class CheckpointFile:
    """PATH holds the newest checkpoint, PATH.previous the one before it.

    path: of the file; its folder is made when it is first written to.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.previous = self.path.with_name(self.path.name + ".previous")
        self._claim: IO[bytes] | None = None

    def claim(self) -> None:
        """Keep everyone else who claims it from the file until `release`.

        It is a lock on the empty file PATH.lock, which goes with the process however that ends.
        Raises BlockingIOError where another has it, OSError where it can't be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = self.path.with_name(self.path.name + ".lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            lock.close()
            raise
        self._claim = lock

    def release(self) -> None:
        """Let others have the file again, if it was claimed."""
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def save(self, tensors: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> None:
        """Write a checkpoint; the one before it is kept until this one is whole, and after.

        description: JSON values. Raises WeightFormatError for tensors that are not finite
        float32, OSError.
        """
        content = encode(tensors, {DESCRIPTION: canonical_json(description).decode()})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".fresh")
        write_atomically(fresh, content)
        if self.path.exists():
            os.replace(self.path, self.previous)
        os.replace(fresh, self.path)

    def load(
        self, expected_shapes: Callable[[dict[str, Any]], Mapping[str, Shape]]
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """The newest checkpoint that is whole, as tensors and description; None where none is.

        expected_shapes: gives every tensor's shape for a description, and raises ValueError for
        one that does not fit. Raises WeightFormatError, with the reasons, where there are files
        and none of them fits.
        """
        reasons = []
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            try:
                return _read(path, expected_shapes)
            except (OSError, ValueError) as error:
                reasons.append(f"{path}: {error}")
        if reasons:
            raise WeightFormatError("; ".join(reasons))
        return None


def _read(
    path: Path, expected_shapes: Callable[[dict[str, Any]], Mapping[str, Shape]]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with path.open("rb") as file:
        content = file.read(MAX_CHECKPOINT_BYTES + 1)
    try:
        description = json.loads(read_metadata(content, MAX_CHECKPOINT_BYTES)[DESCRIPTION])
    except (KeyError, RecursionError) as error:
        raise WeightFormatError(f"no {DESCRIPTION!r} in the metadata") from error
    if not isinstance(description, dict):
        raise WeightFormatError(f"{DESCRIPTION!r} must be an object")
    shapes = expected_shapes(description)
    tensors = decode(content, shapes, MAX_CHECKPOINT_BYTES)
    missing = sorted(shapes.keys() - tensors.keys())
    if missing:
        raise WeightFormatError(f"missing tensors {missing}")
    return tensors, description
