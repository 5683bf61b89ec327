"""How strongly estimates of the readout are held to the anchor: the less, the further off it is.

A prior of strength kappa expects of corrections what kappa samples of noise would make of them.
Where the anchor is off by many times the noise, it is the wrong one: with few labels the estimates
would get nowhere. How much larger than noise the anchor's residuals are is known as soon as the
first of them is, and the ratio of the noise's variance to what the weights have to explain is the
strength that the evidence asks for (MacKay, "Bayesian interpolation", Neural Computation 4, 1992):

    1 / kappa' = 1 / kappa + loosening * (excess - 1) / P

with P features and the excess the mean, over the outputs, of squared residuals in terms of the
noise's variance, of which kappa samples are noise for sure. Where nothing has changed it is 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TINY = 1e-12


class PriorStrength:
    """Strengths of K estimates for O outputs that are labelled together.

    Args:
        memories: (K,) how far back residuals count, in independent samples.
        strengths: (K,) kappa, in independent samples.
        loosening: how much of what the residuals exceed the noise by the weights are to explain,
            in [0, 1]; 0: the strengths stay as they are.
        features: P.
        outputs: O.

    Attributes:
        counted: (K,) independent samples.
        squares: (K, O) the sum of their squared residuals.
    """

    STATE = ("counted", "squares")

    def __init__(
        self,
        memories: Sequence[float],
        strengths: Sequence[float],
        loosening: float,
        features: int,
        outputs: int,
    ):
        self._memories = np.asarray(memories, np.float64)
        self._strengths = np.asarray(strengths, np.float64)
        self._loosening, self._features = loosening, features
        self.counted = np.zeros(len(self._memories))
        self.squares = np.zeros((len(self._memories), outputs))

    def learn(self, residual: Array, ages: Array, counts: Array) -> None:
        """Take N labelled samples, oldest first, as of `RidgeBank.learn`."""
        later = ages.sum() - np.cumsum(ages)
        weights = counts * np.exp(-later / self._memories[:, None])
        kept = np.exp(-ages.sum() / self._memories)
        # Samples that do not count may have no label.
        squared = np.square(residual, out=np.zeros(residual.shape), where=counts[:, None] > 0.0)
        self.counted[:] = kept * self.counted + weights.sum(axis=1)
        self.squares[:] = kept[:, None] * self.squares + weights @ squared

    def given(self, variance: Array) -> Array:
        """Strengths (K,) where the noise's variance is (O,)."""
        noise = self._strengths
        samples = np.maximum(self.counted + noise, _TINY)
        excess = ((self.squares / variance).mean(axis=1) + noise) / samples
        beyond = self._loosening * np.maximum(excess - 1.0, 0.0) / self._features
        return noise / (1.0 + noise * beyond)

    def fade(self, kept: float) -> None:
        """Let everything seen so far count only `kept` times as much."""
        self.counted *= kept
        self.squares *= kept

    def select(self, outputs: Sequence[int]) -> PriorStrength:
        """A copy for some of the outputs only."""
        copy = PriorStrength(
            self._memories, self._strengths, self._loosening, self._features, len(outputs)
        )
        copy.counted[:] = self.counted
        copy.squares[:] = self.squares[:, outputs]
        return copy
