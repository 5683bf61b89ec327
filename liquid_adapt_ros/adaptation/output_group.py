"""Outputs that are labelled together, and what is estimated of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.fixed_share import FixedShare
from liquid_adapt_ros.adaptation.held_mixture import HeldMixture
from liquid_adapt_ros.adaptation.prior_strength import PriorStrength
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.ridge_bank import RidgeBank
from liquid_adapt_ros.compiled import kernel

Array = NDArray[np.float64]

_ONE = np.ones((1, 1))
# Of so many labels it is known whether they were outliers.
_REMEMBERED = 100
# Whole numbers of independent samples come as sums of fractions.
_ROUNDING = 1e-6


class Samples(NamedTuple):
    """N samples, oldest first, with labels of some of all outputs.

    phi: (N, P). target, residual (what the anchor leaves of it): (N, O), NaN where not known.
    predicted: (N, estimates, O) before any of these labels was known. independent: (N, O) how many
    independent samples each one is; apart: how many it usually is from the label before.
    """

    phi: Array
    target: Array
    residual: Array
    predicted: Array
    independent: Array
    apart: Array


class Solution(NamedTuple):
    """What a group of O outputs comes to: corrections of the offset (O,) and of the whole readout,
    (K, P, O), and the mixture's weights (estimates, O)."""

    offset: Array
    whole: Array
    weights: Array


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
        *(f"{part}_{name}" for part in ("offset", "bank") for name in RidgeBank.STATE),
        *(f"strength_{name}" for name in PriorStrength.STATE),
        "mixture_weights",
        "variance",
        "quiet",
        "remembered",
        "outliers",
        *(f"held_{name}" for name in HeldMixture.STATE),
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
        # Weighs labels, and remembers their usual errors in these arrays.
        self._gate = kernel.LabelGate(
            np.array(outputs, np.int32),
            len(shares),
            gate=settings.gate,
            gate_memory=settings.gate_memory,
            noise_floor=settings.noise_floor,
            variance_memory=settings.variance_memory,
            jump_ratio=settings.jump_ratio,
        )
        self.variance = np.full(len(outputs), settings.noise_at_first**2)
        self.quiet = np.full(len(outputs), settings.noise_at_first)
        self.remembered = np.zeros(1)  # independent samples that the variance is of
        # How large each of the newest labels was if it was an outlier, else 0; -1: none yet.
        self.outliers = np.full(_REMEMBERED, -1.0)
        self._usual = np.empty((0, len(outputs)))
        self.restart()

    def restart(self) -> None:
        """Forget all that was learned; how far off labels usually are is still known."""
        outputs, settings, features = len(self.outputs), self._settings, self._features
        self.offset = RidgeBank([settings.offset_memory], [settings.offset_prior], 1, outputs)
        self.bank = RidgeBank(settings.memories, settings.priors, features, outputs)
        self.strength = PriorStrength(
            settings.memories, settings.priors, settings.loosening, features, outputs
        )
        self.mixture = FixedShare(self._shares, outputs, settings.share_per_sample)
        self.held = HeldMixture(self._shares, outputs, settings)

    def state(self, name: str) -> Array:
        """One of the arrays that were learned, by its name in STATE."""
        part, _, attribute = name.rpartition("_")
        return getattr(getattr(self, part), attribute) if part else getattr(self, attribute)

    def select(self, outputs: Sequence[int]) -> OutputGroup:
        """A copy for some of the outputs only."""
        places = [self.outputs.index(output) for output in outputs]
        group = OutputGroup(outputs, self._features, self._settings, self._shares)
        group.offset, group.bank = self.offset.select(places), self.bank.select(places)
        group.strength = self.strength.select(places)
        group.mixture, group.held = self.mixture.select(places), self.held.select(places)
        group.variance, group.quiet = self.variance[places], self.quiet[places]
        group.remembered, group.outliers = self.remembered.copy(), self.outliers.copy()
        group._usual = self._usual[:, places]
        return group

    def learn(self, samples: Samples) -> tuple[Array, float]:
        """Take samples of which some have labels of all these outputs.

        Returns how much the labels of each sample count, (N,), and by how much the past counts
        less from now on.
        """
        independent = self._independent(samples)
        known = ~np.isnan(samples.target[:, self.outputs[0]])
        apart = float(samples.apart[known, self.outputs[0]].mean())
        unseen = max(apart - 1.0, 0.0)
        trust, squared_errors, counted, jumped, self._usual = self._gate.weigh(
            samples.target, samples.predicted, independent, samples.phi, apart,
            self.mixture.weights, self.variance, self.quiet, self.remembered, self.outliers,
            self._usual,
        )  # fmt: skip
        steps = max(1, math.ceil(counted - _ROUNDING))
        for step in range(steps):
            self.mixture.learn(
                squared_errors, self.variance, counted / steps, self._settings.loss_max,
                0.0 if step else unseen,
            )  # fmt: skip
        kept = 1.0
        if jumped:
            kept = self._settings.jump_kept
            self.bank.fade(kept)
            self.strength.fade(kept)
            self.offset.fade(kept)
            self.held.fade(kept)
        ages = np.where(trust > 0.0, independent, 0.0)
        self.teach(samples.phi, samples.residual[:, self.outputs], ages, ages * trust)
        return trust, kept

    def teach(self, phi: Array, residual: Array, ages: Array, counts: Array) -> None:
        """Let the estimates know samples that age the past by `ages` and count `counts`, (N,)."""
        self.offset.learn(np.ones((len(phi), 1)), residual, ages, counts)
        self.bank.learn(phi, residual, ages, counts)
        self.strength.learn(residual, ages, counts)

    def forget(self) -> None:
        """Let the estimates know nothing any more."""
        for part in (self.offset, self.bank, self.strength):
            part.fade(0.0)

    def solve(self, prior: Array, expected: Samples | None) -> Solution:
        """Solve for the estimates; prior: S (P, P). Labels that are expected count this time as if
        they had been learned, but do not age the past."""
        if expected is None:
            also = also_offset = ()
            weights = self.mixture.weights
        else:
            counts, squared_errors, counted = self._gate.compare(
                expected.target, expected.predicted, self._independent(expected)
            )
            residual = expected.residual[:, self.outputs]
            also = expected.phi, residual, counts
            also_offset = np.ones((len(counts), 1)), residual, counts
            weights = self.mixture.weights
            if counted:
                mixture = copy.copy(self.mixture)
                mixture.weights = weights.copy()
                variance = self.variance + self._settings.expected_noise**2
                loss_max = self._settings.expected_loss_max
                mixture.learn(squared_errors, variance, counted, loss_max)
                weights = mixture.weights
        return Solution(
            offset=self.offset.corrections(_ONE, *also_offset)[0, 0],
            whole=self.bank.corrections(
                prior, *also, strengths=self.strength.given(self.variance)
            ),
            weights=weights,
        )

    def _independent(self, samples: Samples) -> Array:
        """How many independent samples each one is, (N,)."""
        return np.ascontiguousarray(samples.independent[:, self.outputs[0]])
