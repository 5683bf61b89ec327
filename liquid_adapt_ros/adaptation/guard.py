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
        live_margin: another readout, the shipped one or one that has learned, flies from when its
            error is smaller than that of what does by this share [1].
        network_margin: the same for a trained network: its state has to settle first, and it may
            be better for a moment only.
        live_memory_s: memory of that comparison [s of labels].
        patience_s: how long the shipped network has to fly before what was learned is forgotten
            [s of labels].
    """

    newest_margin: float = 0.0
    nominal_margin: float = 0.1
    live_margin: float = 0.05
    network_margin: float = 0.15
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
# While another flies, the shipped network's readout does at once where it would be off by less
# than this share of what the other is, over so much time of labels [s].
_LEAP, _LEAP_MEMORY_S = 0.5, 0.1
# What is not finite is off by this much, in standard deviations.
_ERROR_MAX = 1e6
_TINY = 1e-12


class LiveGuard:
    """Chooses what flies: the shipped network, or one of those that have learned.

    They are compared on the same labels, as they come. What is averaged is the logarithm of the
    ratio of squared errors to the shipped network's: a change of the world changes the size of all
    errors, and must not make the past outweigh the present.

    Attributes:
        flies: 0: the shipped network; else one of those that have learned, from 1.

    Args:
        settings: what counts as worse.
        learners: how many networks have learned. The first has learned a readout alone, and flies
            until another is better; the others are trained.
    """

    def __init__(self, settings: GuardSettings, learners: int):
        self._settings = settings
        margins = [settings.live_margin] * 2 + [settings.network_margin] * (learners - 1)
        self._margin = 2.0 * np.log1p(margins)
        self.reset()

    def reset(self) -> None:
        """Start over, as after going back to the shipped weights."""
        self._log_ratio = np.zeros(len(self._margin))
        self._seen_s = 0.0
        self._shipped_for_s = 0.0
        self._foreseen = 0.0
        self.flies = 1

    def compare(self, target: Array, predicted: Array, output_weight: Array, dt_s: Array) -> None:
        """Take N labels (N, O), NaN where not known, and what had been predicted by the shipped
        network and by each that has learned, (N, 1 + learners, O).

        output_weight: (O,) how much each output counts. dt_s: (N,) time of each sample [s].
        """
        squared, duration_s = _mean_squares(target, predicted, output_weight, dt_s)
        if duration_s > 0.0:
            self.learn(squared, duration_s)

    def learn(self, squared: Array, duration_s: float) -> None:
        """Take mean squared errors (1 + learners,) over labels that span a time [s]."""
        kept = math.exp(-duration_s / self._settings.live_memory_s)
        self._log_ratio = kept * self._log_ratio + (1.0 - kept) * _log_ratio(squared)
        self._seen_s += duration_s
        advantage = self._log_ratio[self.flies] - self._log_ratio - self._margin
        if advantage.max() > 0.0:
            self.flies, self._foreseen = int(advantage.argmax()), 0.0
        self._shipped_for_s = 0.0 if self.flies else self._shipped_for_s + duration_s

    def foresee(self, target: Array, now: Array, output_weight: Array, dt_s: Array) -> None:
        """The same while another than the first that has learned flies, of what that other and
        the first would say now, not having learned these labels yet, (N, 2, O).

        Where labels come late, a world that has just changed is seen so much sooner. The first has
        to be better by far: in a world that has not changed, what would be said now is better than
        what could be said in time, and a trained network is better for longer. dt_s: the time
        since the label before counts as well, where labels are rare.
        """
        squared, duration_s = _mean_squares(target, now, output_weight, dt_s)
        kept = math.exp(-duration_s / _LEAP_MEMORY_S)
        self._foreseen = kept * self._foreseen + (1.0 - kept) * _log_ratio(squared)[1]
        if self._foreseen < 2.0 * math.log(_LEAP):
            self.flies, self._foreseen = 1, 0.0
            self._log_ratio[:] = 0.0

    @property
    def gain(self) -> float:
        """1 - learned / shipped of the root mean squared errors [1], of what flies or, where that
        is the shipped network, of the best that has learned; NaN before the first."""
        if not self._seen_s > 0.0:
            return math.nan
        level = self._log_ratio[self.flies] if self.flies else self._log_ratio[1:].min()
        return 1.0 - math.exp(0.5 * level)

    @property
    def must_forget(self) -> bool:
        """Whether learning has been of no use for longer than is tolerated."""
        return self._shipped_for_s > self._settings.patience_s


def _log_ratio(squared: Array) -> Array:
    """Of mean squared errors to those of the first."""
    ratio = np.log((squared + _TINY) / (squared[0] + _TINY))
    return np.clip(ratio, -_LOG_RATIO_MAX, _LOG_RATIO_MAX)


def _mean_squares(
    target: Array, predicted: Array, output_weight: Array, dt_s: Array
) -> tuple[Array, float]:
    """Mean squared errors (networks,), and the time that the labels are of [s], 0 without any;
    arguments as of `compare`."""
    # Where the target is not known nothing counts.
    error = np.abs(target[:, None] - predicted)
    error = np.where(error < _ERROR_MAX, error, _ERROR_MAX)
    weight = ~np.isnan(target) * output_weight
    total = float(weight.sum())
    if not total > 0.0:
        return np.ones(predicted.shape[1]), 0.0
    squared = np.sum(np.square(error) * weight[:, None], axis=(0, 2)) / total
    share = total / float(output_weight.sum()) / len(target)
    return squared, share * float(np.sum(dt_s))
