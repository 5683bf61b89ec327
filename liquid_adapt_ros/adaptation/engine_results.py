"""What the engine hands out: predictions, weight updates, counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """What two networks say to one sample: (O,) each; finite: whether both can be used.

    adapted: the weights that the updates so far come to. frozen: the shipped ones.
    """

    adapted: NDArray[np.float64]
    frozen: NDArray[np.float64]
    finite: bool


@dataclass(frozen=True)
class Update:
    """New weights.

    Attributes:
        tensors: by name; tensors that are not listed keep their values.
        kind: "readout", "network" (it was trained), "choice" (another one is in use now) or
            "rollback" (what was learned is forgotten).
        gain_percent: fall of the live error against the frozen network's so far [%]; NaN: unknown.
    """

    tensors: dict[str, NDArray[np.float32]]
    kind: str
    gain_percent: float


@dataclass
class Counts:
    """What became of the labels and of the candidates since the start."""

    labels: int = 0
    labels_unused: int = 0
    accepted: int = 0
    rejected: int = 0
    fallen_back: int = 0
    rolled_back: int = 0
