"""Outputs that are labelled together, and what is estimated of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.fixed_share import FixedShare
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.ridge_bank import RidgeBank

Array = NDArray[np.float64]

# Of a normal distribution, by the median of what it deviates.
MAD_TO_SIGMA = 1.4826


class OutputGroup:
    """Outputs that have been labelled together so far.

    Args:
        outputs: which ones of all.
        features: P.
        settings: how fast the readout follows.
        estimates: how many there are of each output; those of the world are not kept here.
    """

    # What was learned, by the names of its arrays.
    STATE = (
        "offset_information",
        "offset_cross",
        "bank_information",
        "bank_cross",
        "mixture_weights",
        "variance",
        "quiet",
    )

    def __init__(
        self, outputs: Sequence[int], features: int, settings: ReadoutSettings, estimates: int
    ):
        self.outputs = list(outputs)
        self._features, self._settings, self._estimates = features, settings, estimates
        self.offset = RidgeBank([settings.offset_memory], [settings.offset_prior], 1, len(outputs))
        self.bank = RidgeBank(settings.memories, settings.priors, features, len(outputs))
        learners = estimates - 1
        others = (1.0 - settings.anchor_share) / learners
        self.mixture = FixedShare(
            [settings.anchor_share] + [others] * learners,
            len(outputs),
            settings.share_per_sample,
            settings.loss_max,
        )
        self.variance = np.full(len(outputs), settings.noise_floor**2)
        self.usual: deque[Array] = deque(maxlen=settings.gate_memory)
        self.quiet = np.full(len(outputs), settings.noise_floor)

    def state(self, name: str) -> Array:
        """One of the arrays that were learned, by its name in STATE."""
        part, _, attribute = name.rpartition("_")
        return getattr(getattr(self, part), attribute) if part else getattr(self, attribute)

    def select(self, outputs: Sequence[int]) -> OutputGroup:
        """A copy for some of the outputs only."""
        places = [self.outputs.index(output) for output in outputs]
        group = OutputGroup(outputs, self._features, self._settings, self._estimates)
        group.offset, group.bank = self.offset.select(places), self.bank.select(places)
        group.mixture = self.mixture.select(places)
        group.variance, group.quiet = self.variance[places], self.quiet[places]
        group.usual.extend(row[places] for row in self.usual)
        return group

    def learn(
        self, phi: Array, target: Array, residual: Array, predicted: Array, independent: Array
    ) -> tuple[Array, float]:
        """Take N samples with labels of all these outputs, oldest first.

        Returns how much each sample counts, (N,), and by how much the past counts less from now
        on. target, residual (what the anchor leaves of it): (N, O). predicted: (N, estimates, O).
        independent: (N,).
        """
        error = target[:, None] - predicted
        mixed = np.einsum("ko,nko->no", self.mixture.weights, error)
        trust = self._trust(np.abs(mixed))
        squared = np.average(np.square(error), axis=0, weights=trust * independent)
        samples = float(np.sum(independent))
        self._learn_variance(squared.min(axis=0), samples)
        self.mixture.learn(squared, self.variance, samples * float(trust.mean()))
        kept = self._settings.jump_kept if self._has_jumped(samples) else 1.0
        self.bank.fade(kept)
        self.offset.fade(kept)
        self.teach(phi, residual, independent, independent * trust)
        return trust, kept

    def teach(self, phi: Array, residual: Array, ages: Array, counts: Array) -> None:
        """Let the estimates know samples that age the past by `ages` and count `counts`, (N,)."""
        weight = np.stack([ages, counts], axis=1)
        self.offset.learn(np.ones((len(phi), 1)), residual, weight)
        self.bank.learn(phi, residual, weight)

    def with_expected(
        self, phi: Array, target: Array, residual: Array, predicted: Array, independent: Array
    ) -> OutputGroup:
        """A copy that has learned labels that are expected; arguments as of `learn`."""
        learned = self.select(self.outputs)
        learned.teach(phi, residual, np.zeros(len(phi)), independent)  # the past does not age
        error = target[:, None] - predicted
        squared = np.average(np.square(error), axis=0, weights=independent)
        variance = self.variance + self._settings.expected_noise**2
        learned.mixture.learn(squared, variance, float(independent.sum()))
        return learned

    def _trust(self, error: Array) -> Array:
        """How much each sample counts, (N,) in (0, 1]; error: (N, O) without sign."""
        self.usual.extend(error)
        usual = MAD_TO_SIGMA * np.median(np.array(self.usual), axis=0)
        bound = self._settings.gate * np.maximum(usual, self._settings.noise_floor)
        return np.square(np.minimum(1.0, bound / np.maximum(error, 1e-12))).min(axis=1)

    def _learn_variance(self, squared: Array, samples: float) -> None:
        floor = self._settings.noise_floor**2
        kept = np.exp(-samples / self._settings.variance_memory)
        fresh = np.maximum(squared, floor)
        fresh = np.minimum(fresh, 4.0 * self.variance)
        self.variance = kept * self.variance + (1.0 - kept) * fresh

    def _has_jumped(self, samples: float) -> bool:
        """Whether the usual error has just grown as no drift makes it grow."""
        usual = np.maximum(np.median(np.array(self.usual), axis=0), self._settings.noise_floor)
        jumped = bool((usual > self._settings.jump_ratio * self.quiet).any())
        kept = np.exp(-samples / self._settings.variance_memory)
        self.quiet = usual if jumped else kept * self.quiet + (1.0 - kept) * usual
        return jumped
