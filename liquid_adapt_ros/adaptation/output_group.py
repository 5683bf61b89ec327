"""Outputs that are labelled together, and what is estimated of them."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.fixed_share import FixedShare
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.ridge_bank import RidgeBank

Array = NDArray[np.float64]

# Of a normal distribution, by the median of what it deviates.
MAD_TO_SIGMA = 1.4826
# Fewer labels do not say what is usual; and no label counts as less than this.
_GATE_LABELS, _LEAST_INDEPENDENT = 5, 0.01


class OutputGroup:
    """Outputs that have been labelled together so far.

    Args:
        outputs: which ones of all.
        features: P.
        settings: how fast the readout follows.
        shares: what is dealt out to each estimate of all weight dealt out anew; the estimates of
            the world are not kept here.
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
        self,
        outputs: Sequence[int],
        features: int,
        settings: ReadoutSettings,
        shares: Sequence[float],
    ):
        self.outputs = list(outputs)
        self._features, self._settings, self._shares = features, settings, shares
        self.offset = RidgeBank([settings.offset_memory], [settings.offset_prior], 1, len(outputs))
        self.bank = RidgeBank(settings.memories, settings.priors, features, len(outputs))
        self.mixture = FixedShare(shares, len(outputs), settings.share_per_sample)
        self.variance = np.full(len(outputs), settings.noise_floor**2)
        self.usual = np.empty((0, len(outputs)))  # errors of the newest labels, without sign
        self.quiet = np.full(len(outputs), settings.noise_floor)

    def state(self, name: str) -> Array:
        """One of the arrays that were learned, by its name in STATE."""
        part, _, attribute = name.rpartition("_")
        return getattr(getattr(self, part), attribute) if part else getattr(self, attribute)

    def select(self, outputs: Sequence[int]) -> OutputGroup:
        """A copy for some of the outputs only."""
        places = [self.outputs.index(output) for output in outputs]
        group = OutputGroup(outputs, self._features, self._settings, self._shares)
        group.offset, group.bank = self.offset.select(places), self.bank.select(places)
        group.mixture = self.mixture.select(places)
        group.variance, group.quiet = self.variance[places], self.quiet[places]
        group.usual = self.usual[:, places]
        return group

    def learn(
        self, phi: Array, target: Array, residual: Array, predicted: Array, independent: Array
    ) -> tuple[Array, float]:
        """Take N samples with labels of all these outputs, oldest first.

        Returns how much each sample counts, (N,), and by how much the past counts less from now
        on. target, residual (what the anchor leaves of it): (N, O). predicted: (N, estimates, O)
        before any of these labels was known. independent: (N,).
        """
        error = target[:, None] - predicted
        mixed = np.einsum("ko,nko->no", self.mixture.weights, error)
        off = np.abs(mixed)
        self.usual = np.concatenate([self.usual, off])[-self._gate_labels(independent) :]
        usual = _median(self.usual)
        trust = self._trust(off, usual)
        squared = _mean_square(error, trust * independent)
        samples = float(np.sum(independent))
        self._learn_variance(squared.min(axis=0), samples)
        counted = samples * float(trust.mean())
        self.mixture.learn(squared, self.variance, counted, self._settings.loss_max)
        kept = 1.0
        if self._has_jumped(usual, samples):
            kept = self._settings.jump_kept
            self.bank.fade(kept)
            self.offset.fade(kept)
        self.teach(phi, residual, independent, independent * trust)
        return trust, kept

    def teach(self, phi: Array, residual: Array, ages: Array, counts: Array) -> None:
        """Let the estimates know samples that age the past by `ages` and count `counts`, (N,)."""
        self.offset.learn(np.ones((len(phi), 1)), residual, ages, counts)
        self.bank.learn(phi, residual, ages, counts)

    def with_expected(
        self, phi: Array, target: Array, residual: Array, predicted: Array, independent: Array
    ) -> OutputGroup:
        """A copy that has learned labels that are expected; arguments as of `learn`."""
        learned = copy.copy(self)
        learned.offset, learned.bank = self.offset.copy(), self.bank.copy()
        learned.mixture = copy.copy(self.mixture)
        learned.teach(phi, residual, np.zeros(len(phi)), independent)  # the past does not age
        error = target[:, None] - predicted
        squared = _mean_square(error, independent)
        variance = self.variance + self._settings.expected_noise**2
        counted, loss_max = float(independent.sum()), self._settings.expected_loss_max
        learned.mixture.learn(squared, variance, counted, loss_max)
        return learned

    def _gate_labels(self, independent: Array) -> int:
        """How many of the newest labels say what is usual."""
        labels = self._settings.gate_memory / max(float(independent.mean()), _LEAST_INDEPENDENT)
        return max(_GATE_LABELS, round(labels))

    def _trust(self, error: Array, usual: Array) -> Array:
        """How much each sample counts, (N,) in (0, 1]; error: (N, O) without sign, usual: (O,) its
        median."""
        spread = np.maximum(MAD_TO_SIGMA * usual, self._settings.noise_floor)
        bound = self._settings.gate * spread
        return np.square(np.minimum(1.0, bound / np.maximum(error, 1e-12))).min(axis=1)

    def _learn_variance(self, squared: Array, samples: float) -> None:
        floor = self._settings.noise_floor**2
        kept = np.exp(-samples / self._settings.variance_memory)
        fresh = np.maximum(squared, floor)
        fresh = np.minimum(fresh, 4.0 * self.variance)
        self.variance = kept * self.variance + (1.0 - kept) * fresh

    def _has_jumped(self, usual: Array, samples: float) -> bool:
        """Whether the usual error (O,) has just grown as no drift makes it grow."""
        usual = np.maximum(usual, self._settings.noise_floor)
        jumped = bool((usual > self._settings.jump_ratio * self.quiet).any())
        kept = np.exp(-samples / self._settings.variance_memory)
        self.quiet = usual if jumped else kept * self.quiet + (1.0 - kept) * usual
        return jumped


def _median(rows: Array) -> Array:
    """Of each column of (N, O); np.median takes five times as long for so few."""
    rows = np.sort(rows, axis=0)
    count = len(rows)
    return 0.5 * (rows[(count - 1) // 2] + rows[count // 2])


def _mean_square(error: Array, weight: Array) -> Array:
    """Of errors (N, estimates, O), over samples that count so much, (N,)."""
    squared = np.square(error).reshape(len(error), -1)
    return (weight @ squared / weight.sum()).reshape(error.shape[1:])
