"""Labelled pieces of a stream, and the small stores of them that keep old knowledge alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.world_bank import WorldPrior
from liquid_adapt_ros.weights.atomic_file import write_atomically
from liquid_adapt_ros.weights.codec import WeightFormatError, decode, encode, read_metadata

Params = Mapping[str, NDArray[np.float32]]

# 64 windows of 100 samples of 140 features are 3.6 MB.
MAX_FILE_BYTES = 64 << 20


@dataclass(frozen=True)
class Windows:
    """B windows of T samples of one network's stream.

    Attributes:
        features: (B, T, F).
        dt_s: (B, T) time from the sample before to each sample [s].
        hidden_state: (B, H) the network's state before the first sample.
        target: (B, T, O) wanted outputs; NaN where unknown.
    """

    features: NDArray[np.float32]
    dt_s: NDArray[np.float32]
    hidden_state: NDArray[np.float32]
    target: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.features)

    def select(self, rows: Sequence[int] | NDArray[np.integer]) -> Windows:
        """Some of the windows."""
        return Windows(*(getattr(self, item.name)[rows] for item in fields(self)))

    def without_start(self, samples: int) -> Windows:
        """The same with the labels of the first samples unknown: there the state settles."""
        target = self.target.copy()
        target[:, :samples] = np.nan
        return Windows(self.features, self.dt_s, self.hidden_state, target)

    @staticmethod
    def joined(parts: Sequence[Windows]) -> Windows:
        """All windows of some that are equally long."""
        names = [item.name for item in fields(Windows)]
        return Windows(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
        )


class Reservoir:
    """A fair sample of all windows that were ever offered (Vitter 1985, algorithm R).

    Args:
        capacity: number of windows kept.
        rng: decides which.
    """

    def __init__(self, capacity: int, rng: np.random.Generator):
        self._capacity = capacity
        self._rng = rng
        self.offered = 0
        self.windows: Windows | None = None

    def __len__(self) -> int:
        return 0 if self.windows is None else len(self.windows)

    def offer(self, window: Windows) -> None:
        """Take a window (B = 1), or not."""
        self.offered += 1
        if self.windows is None:
            self.windows = window
        elif len(self.windows) < self._capacity:
            self.windows = Windows.joined([self.windows, window])
        else:
            place = int(self._rng.integers(self.offered))
            if place < self._capacity:
                for item in fields(Windows):
                    getattr(self.windows, item.name)[place] = getattr(window, item.name)[0]

    def draw(self, count: int) -> Windows:
        """At most `count` windows, drawn without replacement; ValueError where there is none."""
        if self.windows is None:
            raise ValueError("the reservoir is empty")
        count = min(count, len(self))
        return self.windows.select(self._rng.choice(len(self), count, replace=False))


@dataclass(frozen=True)
class NominalSet:
    """What the shipped model knows, as far as it shall not be forgotten.

    Attributes:
        fingerprint: of the model.
        windows: from the data that the model was trained on.
        fisher: (shape of each learnable tensor) diagonal of the Fisher information there
            (Kirkpatrick et al., "Overcoming catastrophic forgetting", PNAS 114, 2017).
        world: how the readout differs between disturbed worlds; None: not known.
    """

    fingerprint: str
    windows: Windows
    fisher: Params = field(default_factory=dict)
    world: WorldPrior | None = None

    def save(self, path: Path) -> None:
        """Write the file atomically. Raises WeightFormatError, OSError."""
        known = ~np.isnan(self.windows.target)
        tensors = {
            "features": self.windows.features,
            "dt_s": self.windows.dt_s,
            "hidden_state": self.windows.hidden_state,
            "target": np.where(known, self.windows.target, 0.0),
            "known": known,
            **{f"fisher.{name}": value for name, value in self.fisher.items()},
        }
        if self.world is not None:
            tensors["world.directions"] = self.world.directions
            tensors["world.noise"] = self.world.noise
        content = {name: np.asarray(value, np.float32) for name, value in tensors.items()}
        count, length = self.windows.features.shape[:2]
        metadata = {
            "fingerprint": self.fingerprint,
            "windows": str(count),
            "samples": str(length),
        }
        if self.world is not None:
            metadata["directions"] = str(len(self.world.directions))
        write_atomically(path, encode(content, metadata))

    @classmethod
    def load(
        cls, path: Path, features: int, hidden: int, shapes: Mapping[str, tuple[int, ...]]
    ) -> NominalSet:
        """Read a file that `save` wrote for a network of these sizes and learnable tensors.

        Raises WeightFormatError naming what does not fit, OSError.
        """
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        metadata = read_metadata(content, MAX_FILE_BYTES)
        try:
            fingerprint = metadata["fingerprint"]
            count, length = int(metadata["windows"]), int(metadata["samples"])
            directions = int(metadata.get("directions", 0))
        except (KeyError, ValueError) as error:
            raise WeightFormatError(f"{path}: not a nominal set: {error}") from error
        outputs, read = shapes["readout.weight"]
        expected = {
            "features": (count, length, features),
            "dt_s": (count, length),
            "hidden_state": (count, hidden),
            "target": (count, length, outputs),
            "known": (count, length, outputs),
            **{f"fisher.{name}": shape for name, shape in shapes.items()},
        }
        if directions:
            expected["world.directions"] = (directions, outputs, read + 1)
            expected["world.noise"] = (outputs,)
        tensors = decode(content, expected, MAX_FILE_BYTES)
        missing = sorted(expected.keys() - tensors.keys())
        if missing:
            raise WeightFormatError(f"{path}: missing tensors {missing}")
        target = np.where(tensors["known"] > 0.5, tensors["target"], np.float32(np.nan))
        windows = Windows(tensors["features"], tensors["dt_s"], tensors["hidden_state"], target)
        world = None
        if directions:
            world = WorldPrior(tensors["world.directions"], tensors["world.noise"])
        fisher = {name: tensors[f"fisher.{name}"] for name in shapes}
        return cls(fingerprint, windows, fisher, world)
