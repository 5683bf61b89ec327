"""Which weights the robot runs: what is accepted, what was good before, how to go back."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.weights.codec import (
    ITEM_BYTES,
    LENGTH_BYTES,
    MAX_HEADER_BYTES,
    WeightFormatError,
    decode,
)

KEPT_VERSIONS = 8


class WeightRejected(ValueError):
    """An update that must not be used; the text is the reason."""


class UpdateFields(Protocol):
    """What the store reads of an update: the fields of the message WeightUpdate."""

    version: int
    base_version: int
    fingerprint: str
    tensor_names: Sequence[str]
    payload: bytes
    sha256: str


@dataclass(frozen=True)
class WeightSet:
    """All learnable tensors under one version; the arrays are read-only."""

    version: int
    params: Mapping[str, np.ndarray]


class WeightStore:
    """Holds the current weights and accepts updates that keep every rule.

    spec, fingerprint: the model's. params: the weights to start from. version: theirs; 0 for the
    shipped ones. Raises ValueError where params do not fit.

    Versions only ever rise, also after a rollback: an update must be newer than any that was
    accepted before. A sender that restarts must therefore go on from the version that the robot
    reports, and send all tensors where it does not know the robot's current ones.
    """

    def __init__(
        self,
        spec: PolicySpec,
        fingerprint: str,
        params: Mapping[str, np.ndarray],
        version: int = 0,
    ) -> None:
        spec.network.check_params(params)
        self._shapes = spec.shapes()
        self._fingerprint = fingerprint
        self._max_bytes = (
            LENGTH_BYTES
            + MAX_HEADER_BYTES
            + ITEM_BYTES * sum(int(np.prod(shape)) for shape in self._shapes.values())
        )
        self._start = _frozen(version, {name: params[name].copy() for name in self._shapes})
        self._current = self._start
        self._previous: deque[WeightSet] = deque(maxlen=KEPT_VERSIONS)
        self._newest_version = version

    @property
    def current(self) -> WeightSet:
        """The weights in use."""
        return self._current

    def accept(self, update: UpdateFields) -> WeightSet:
        """Check an update and make it the current weights; return them.

        Raises WeightRejected with the reason; the current weights are untouched then.
        """
        self._check_identity(update)
        tensors = self._decode(update)
        if update.base_version != self._current.version and len(tensors) < len(self._shapes):
            missing = sorted(self._shapes.keys() - tensors.keys())
            raise WeightRejected(
                f"builds on version {update.base_version}, the current one is "
                f"{self._current.version}, and {missing} are not in it"
            )
        self._previous.append(self._current)
        self._current = _frozen(update.version, {**self._current.params, **tensors})
        self._newest_version = update.version
        return self._current

    def rollback(self) -> WeightSet:
        """Return to the weights before the current ones; at the end to those it started from."""
        self._current = self._previous.pop() if self._previous else self._start
        return self._current

    def _check_identity(self, update: UpdateFields) -> None:
        if update.fingerprint != self._fingerprint:
            raise WeightRejected(
                f"fingerprint {update.fingerprint!r} is not this model's {self._fingerprint!r}"
            )
        if update.version <= self._newest_version:
            raise WeightRejected(
                f"version {update.version} is not newer than {self._newest_version}"
            )
        if len(update.payload) > self._max_bytes:
            raise WeightRejected(
                f"payload of {len(update.payload)} bytes, at most {self._max_bytes} are allowed"
            )
        digest = hashlib.sha256(update.payload).hexdigest()
        if update.sha256 != digest:
            raise WeightRejected(f"sha256 {update.sha256!r} is not the payload's {digest!r}")

    def _decode(self, update: UpdateFields) -> dict[str, np.ndarray]:
        try:
            tensors = decode(update.payload, self._shapes, self._max_bytes)
        except WeightFormatError as error:
            raise WeightRejected(str(error)) from error
        if sorted(update.tensor_names) != sorted(tensors):
            raise WeightRejected(
                f"announced {sorted(update.tensor_names)}, the payload holds {sorted(tensors)}"
            )
        return tensors


def _frozen(version: int, params: dict[str, np.ndarray]) -> WeightSet:
    for tensor in params.values():
        tensor.flags.writeable = False
    return WeightSet(version, params)
