"""What keeps learning from doing harm: a judge of candidates, and one of what flies."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class GuardSettings:
    """What counts as worse.

    Attributes:
        newest_margin: a candidate's error on the newest labelled samples, which it was not
            trained on, may exceed that of the weights in use by this share [1].
        nominal_margin: its error on the nominal store may exceed that of the shipped weights by
            this share [1].
        live_margin: what flies may do worse than the frozen network by this share [1].
        live_memory_s: memory of the live comparison [s of labels].
        patience_s: how long what flies may do worse before it is taken back [s of labels].
    """

    newest_margin: float = 0.0
    nominal_margin: float = 0.02
    live_margin: float = 0.05
    live_memory_s: float = 3.0
    patience_s: float = 3.0


class CandidateJudge:
    """Accepts a candidate only if it is nowhere worse."""

    def __init__(self, settings: GuardSettings):
        self._settings = settings

    def objection(self, newest: tuple[float, float], nominal: tuple[float, float] | None) -> str:
        """Why the candidate is to be dropped; empty where it is not.

        newest: error of the candidate and of the weights in use on the newest labelled samples.
        nominal: error of the candidate and of the shipped weights on the nominal store, None
        where there is no such store. NaN counts as worse.
        """
        candidate, in_use = newest
        if not candidate <= in_use * (1.0 + self._settings.newest_margin):
            return f"error {candidate:.4g} on the newest labels, {in_use:.4g} before"
        if nominal is not None:
            candidate, shipped = nominal
            if not candidate <= shipped * (1.0 + self._settings.nominal_margin):
                return f"error {candidate:.4g} on the nominal store, {shipped:.4g} as shipped"
        return ""


class LiveGuard:
    """Compares what flies with the frozen network on the same labels, as they come."""

    def __init__(self, settings: GuardSettings):
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Start over, as after going back to the shipped weights."""
        self._adapted = self._frozen = 0.0
        self._worse_for_s = 0.0

    def learn(self, adapted: float, frozen: float, duration_s: float) -> None:
        """Take mean squared errors over labels that span a time [s]."""
        kept = math.exp(-duration_s / self._settings.live_memory_s)
        self._adapted = kept * self._adapted + (1.0 - kept) * adapted
        self._frozen = kept * self._frozen + (1.0 - kept) * frozen
        worse = self._adapted > self._frozen * (1.0 + self._settings.live_margin) ** 2
        self._worse_for_s = self._worse_for_s + duration_s if worse else 0.0

    @property
    def gain(self) -> float:
        """1 - adapted / frozen of the root mean squared errors [1]; NaN before the first."""
        if not self._frozen > 0.0:
            return math.nan
        return 1.0 - math.sqrt(self._adapted / self._frozen)

    @property
    def must_roll_back(self) -> bool:
        """Whether learning has done harm for longer than is tolerated."""
        return self._worse_for_s > self._settings.patience_s
