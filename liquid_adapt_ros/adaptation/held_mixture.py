"""What the readout comes to where no labels come.

The mixture trusts the estimate that is right now, and what is right now may be so for one object
only. What is right for longer shows in labels that were learned late on purpose: the estimates as
they were some seconds before each label are weighed by it in a mixture of their own, and

    g = sum_i w_i m_i e_i / (sum_i w_i m_i^2 + n s^2),   0 <= g <= 1

says how much of the correction m_i that this mixture then stood for was still asked for by label
i: e_i is what the anchor leaves of the label, w_i how many independent samples it is, forgotten
exponentially, s^2 the mean square of what the best multiple of m_i leaves of e_i, and n samples
speak for nothing. It is ridge regression of what is asked for on what had been learned before.
Where labels stop, the readout passes to the anchor and g times that correction.

What has just been learned can't have been seen to last. But it is no mere object's where it is
large beside what the anchor usually leaves: with x the mean over the outputs of the square of the
mixture's correction on the newest labels, over the usual square of what the anchor leaves, the
part x / (x + c) of the mixture stays as it is. That is Wiener's filter, for a signal that lasts in
a noise that does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.fixed_share import FixedShare
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings

Array = NDArray[np.float64]

# Sums that are less are of nothing.
_SOME = 1e-12
# What the anchor usually leaves takes so many samples to be known, and then no error counts as
# larger than so many times the usual one.
_KNOWN_FROM, _LARGEST = 30.0, 2.0


class HeldMixture:
    """See the module's docstring; for outputs that are labelled together.

    Args:
        shares: (K,) what is dealt out to each estimate of all weight dealt out anew; the first is
            the anchor.
        outputs: O.
        settings: the held_* of them, noise_floor, noise_at_first, loss_max and variance_memory.
    """

    # What was learned, by the names of its arrays: the mixture's weights (K, O) and its variance
    # (O,), the sums of the regression (O,), and how many samples they are of (O,); mean squares of
    # the correction of the newest labels and of what the anchor usually leaves (O,), and how many
    # samples the latter is of (O,).
    STATE = (
        "weights", "variance", "cross", "square", "asked", "samples",
        "newest", "usual", "labelled",
    )  # fmt: skip

    def __init__(self, shares: Sequence[float], outputs: int, settings: ReadoutSettings):
        self._shares, self._settings = shares, settings
        self._mixture = FixedShare(shares, outputs, settings.held_share_per_sample)
        self.variance = np.full(outputs, settings.noise_at_first**2)
        self.cross, self.square, self.asked, self.samples = np.zeros((4, outputs))
        self.newest, self.usual, self.labelled = np.zeros((3, outputs))

    @property
    def weights(self) -> Array:
        """The mixture's weights (K, O)."""
        return self._mixture.weights

    @property
    def gain(self) -> Array:
        """How much of the correction lasts, (O,) in [0, 1]."""
        explained = np.square(self.cross) / np.maximum(self.square, _SOME)
        left = np.maximum(self.asked - explained, 0.0) / np.maximum(self.samples, _SOME)
        known = self.square + self._settings.held_prior * left
        return np.clip(self.cross / np.maximum(known, _SOME), 0.0, 1.0)

    @property
    def stays(self) -> float:
        """How much of what the mixture says now is too large to be a mere object's, in [0, 1]."""
        size = float(np.mean(self.newest / np.maximum(self.usual, _SOME)))
        return size / (size + self._settings.held_doubt)

    @property
    def claims(self) -> Array:
        """Weights (K, O) of what is held: the anchor and the part of the mixture that lasts."""
        gain = self.gain
        claims = gain * self.weights
        claims[0] += 1.0 - gain
        return claims

    def learn_newest(self, correction: Array, asked: Array, counts: Array) -> None:
        """Take how the mixture corrected the anchor when N samples were observed, and what their
        labels asked for, (N, O); they count as so many independent samples, (N,) > 0. The newest
        are those of `variance_memory`."""
        settings, samples = self._settings, float(counts.sum())
        new, old = (counts @ np.square(part) / samples for part in (correction, asked))
        kept = np.exp(-samples / settings.variance_memory)
        self.newest += (1.0 - kept) * (new - self.newest)
        if self.labelled[0] > _KNOWN_FROM:
            old = np.minimum(old, np.square(_LARGEST) * self.usual)
        self.labelled[:] = np.minimum(self.labelled + samples, settings.held_memory)
        self.usual += (old - self.usual) * min(samples / self.labelled[0], 1.0)

    def learn(self, said: Array, target: Array, counts: Array) -> None:
        """Take N labels (N, O) that count as so many independent samples, (N,) > 0.

        said: (N, K, O) what the estimates, as they were before, say of these samples.
        """
        settings, samples = self._settings, float(counts.sum())
        share = counts / samples
        asked = target - said[:, 0]
        correction = np.einsum("ko,nko->no", self.weights, said) - said[:, 0]
        self.fade(np.exp(-samples / settings.held_memory))
        self.cross += counts @ (correction * asked)
        self.square += counts @ np.square(correction)
        self.asked += counts @ np.square(asked)
        self.samples += samples
        errors = np.einsum("n,nko->ko", share, np.square(said - target[:, None]))
        left = share @ np.square(asked - correction)
        # The mean of all there are yet, and then of as many as are remembered.
        self.variance += (left - self.variance) * min(samples / self.samples[0], 1.0)
        variance = np.maximum(self.variance, settings.noise_floor**2)
        self._mixture.learn(errors, variance, samples, settings.loss_max)

    def fade(self, kept: float) -> None:
        """Let all that was seen of what lasts count only `kept` times as much."""
        for sums in (self.cross, self.square, self.asked, self.samples):
            sums *= kept

    def select(self, outputs: Sequence[int]) -> HeldMixture:
        """A copy for some of the outputs only."""
        copy = HeldMixture(self._shares, len(outputs), self._settings)
        for name in self.STATE:
            getattr(copy, name)[:] = getattr(self, name)[..., outputs]
        return copy
