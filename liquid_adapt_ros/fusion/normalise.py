"""From raw features to the scale that the network was trained on."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Beyond this a feature says only "far outside what was seen in training".
CLIP = 10.0


class Normaliser:
    """(raw - mean) / scale, clipped to +-10.

    Arguments:
        mean, scale: (F,) statistics of the training data, in the features' own units; scale > 0.

    Raises:
        ValueError: the shapes differ, a value isn't finite or a scale isn't positive.
    """

    def __init__(self, mean: ArrayLike, scale: ArrayLike) -> None:
        self.mean = np.array(mean, dtype=np.float32)
        scale = np.array(scale, dtype=np.float32)
        if self.mean.ndim != 1 or self.mean.shape != scale.shape:
            raise ValueError(f"mean {self.mean.shape} and scale {scale.shape} must be one (F,)")
        if not (np.isfinite(self.mean).all() and np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError("mean and scale must be finite, scale positive")
        self._inverse_scale = 1.0 / scale

    @property
    def size(self) -> int:
        """Number of features F."""
        return self.mean.size

    def __call__(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise (F,) or (..., F) raw features."""
        normalised = (raw - self.mean) * self._inverse_scale
        return np.clip(normalised, -CLIP, CLIP, out=normalised)
