"""What keeps learning from doing harm: a judge of candidates, and one of what flies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class GuardSettings:
    """What counts as worse.

    Attributes:
        newest_margin: a candidate's error on the newest labelled samples, which it was not
            trained on, may exceed that of the weights in use by this share [1].
        nominal_margin: its error on the nominal store may exceed that of the shipped weights by
            this share [1].
        live_margin: the shipped weights fly while what was learned has a larger error than they
            by more than this share, and until it has a smaller one by as much [1].
        live_memory_s: memory of that comparison [s of labels].
        patience_s: how long the shipped weights have to be better before what was learned is
            forgotten [s of labels].
    """

    newest_margin: float = 0.0
    nominal_margin: float = 0.1
    live_margin: float = 0.05
    live_memory_s: float = 1.5
    patience_s: float = 5.0


class CandidateJudge:
    """Accepts a candidate only if it is nowhere worse."""

    def __init__(self, settings: GuardSettings):
        self._settings = settings

    def on_newest(self, candidate: float, in_use: float) -> str:
        """Why the candidate is to be dropped for its error on the newest labelled samples,
        against that of the weights in use; empty where it is not. NaN counts as worse."""
        if candidate <= in_use * (1.0 + self._settings.newest_margin):
            return ""
        return f"error {candidate:.4g} on the newest labels, {in_use:.4g} before"

    def on_nominal(self, candidate: float, shipped: float) -> str:
        """The same for the nominal store, against the shipped weights."""
        if candidate <= shipped * (1.0 + self._settings.nominal_margin):
            return ""
        return f"error {candidate:.4g} on the nominal store, {shipped:.4g} as shipped"


# One batch of labels counts as a factor of at most e^3 in squared error.
_LOG_RATIO_MAX = 3.0
# Errors beyond this count as this much: one outlier is no reason to go back.
_ERROR_MAX = 1.0


class LiveGuard:
    """Compares what was learned with the shipped network on the same labels, as they come.

    What is averaged is the logarithm of the ratio of squared errors: a change of the world changes
    the size of both errors, and must not make the past outweigh the present.
    """

    def __init__(self, settings: GuardSettings):
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Start over, as after going back to the shipped weights."""
        self._log_ratio = 0.0
        self._seen_s = 0.0
        self._preferred_for_s = 0.0
        self.prefers_shipped = False

    def compare(self, target: Array, predicted: Array, output_weight: Array, dt_s: Array) -> None:
        """Take N labels (N, O), NaN where not known, and what had been predicted, (N, 2, O), by
        what was learned and by the shipped network.

        output_weight: (O,) how much each output counts. dt_s: (N,) time of each sample [s].
        """
        error = np.minimum(np.abs(target[:, None] - predicted), _ERROR_MAX)
        weight = ~np.isnan(target) * output_weight
        total = float(weight.sum())
        if not total > 0.0:
            return
        squared = np.nansum(np.square(error) * weight[:, None], axis=(0, 2)) / total
        share = total / float(output_weight.sum()) / len(target)
        self.learn(squared[0], squared[1], share * float(np.sum(dt_s)))

    def learn(self, learned: float, shipped: float, duration_s: float) -> None:
        """Take mean squared errors over labels that span a time [s]."""
        tiny = 1e-12
        ratio = math.log((learned + tiny) / (shipped + tiny))
        ratio = min(max(ratio, -_LOG_RATIO_MAX), _LOG_RATIO_MAX)
        kept = math.exp(-duration_s / self._settings.live_memory_s)
        self._log_ratio = kept * self._log_ratio + (1.0 - kept) * ratio
        self._seen_s += duration_s
        margin = 2.0 * math.log1p(self._settings.live_margin)
        if self._log_ratio > margin:
            self.prefers_shipped = True
        elif self._log_ratio < -margin:
            self.prefers_shipped = False
        self._preferred_for_s += duration_s
        if not self.prefers_shipped:
            self._preferred_for_s = 0.0

    @property
    def gain(self) -> float:
        """1 - learned / shipped of the root mean squared errors [1]; NaN before the first."""
        if not self._seen_s > 0.0:
            return math.nan
        return 1.0 - math.exp(0.5 * self._log_ratio)

    @property
    def must_forget(self) -> bool:
        """Whether learning has been of no use for longer than is tolerated."""
        return self._preferred_for_s > self._settings.patience_s
