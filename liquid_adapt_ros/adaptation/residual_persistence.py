"""What is left of the newest labels, as far as it lasts until the next samples.

What a readout leaves of its labels is seldom white: what it does not know of the world now (the
friction here, a gust, a slope) it does not know a moment later either. So the residual of the
newest labels, averaged over some hundredths of a second, is carried over to the next samples,
times a gain that says how much of such a residual was still there when the label of a sample
became known:

    g = sum_i w_i m_i e_i / (sum_i w_i m_i^2 + n),   0 <= g <= 1

with m_i what could have been carried over when sample i was observed, e_i what was left of its
label without, w_i its weight in independent samples over the residuals' variance, forgotten
exponentially, and n samples that speak for nothing. It is the regression of an error on its own
past (Cochrane and Orcutt, J. Am. Stat. Assoc. 44, 1949) with the lag that the labels have: the
later they come the less lasts, and g is small by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.compiled import kernel

Array = NDArray[np.float64]

# What has faded to this share of a residual's standard deviation is nothing.
_NOTHING = 0.01


class ResidualPersistence:
    """See the module's docstring; every output has a gain of its own.

    Args:
        outputs: O.
        settings: the persistence_* of them, variance_memory, noise_floor and noise_at_first.

    Attributes:
        newest: (O,) mean residual of the newest labels, faded since.
    """

    # What was learned, by the names of its arrays, (O,) each.
    STATE = ("cross", "square", "variance")

    def __init__(self, outputs: int, settings: ReadoutSettings):
        self._settings = settings
        self._kernel_settings = kernel.PersistenceSettings(
            noise_floor=settings.noise_floor,
            variance_memory=settings.variance_memory,
            persistence_memory=settings.persistence_memory,
            persistence_average_s=settings.persistence_average_s,
        )
        self.cross, self.square = np.zeros(outputs), np.zeros(outputs)
        self.variance = np.full(outputs, settings.noise_at_first**2)
        self.forget_newest()

    def forget_newest(self) -> None:
        """Carry nothing over."""
        self.newest = np.zeros_like(self.cross)
        self.forget_times()

    def forget_times(self) -> None:
        """Labels that come next are of a new stream, which has times of its own."""
        self._labelled_s = np.full_like(self.cross, -np.inf)

    @property
    def gain(self) -> Array:
        """How much of a residual lasts, (O,) in [0, 1]."""
        gain = self.cross / (self.square + self._settings.persistence_prior)
        return np.minimum(np.maximum(gain, 0.0), 1.0)  # np.clip takes three times as long

    @property
    def correction(self) -> Array:
        """What is added to the outputs (O,)."""
        return self.gain * self.newest

    def learn(self, carried: Array, residual: Array, counts: Array) -> None:
        """Take N labels: what could have been carried over, which is `newest` at their time, and
        what was left of them without, (N, O), NaN where not known.

        counts: (N, O) how many independent samples each label is; 0 where not known.
        """
        kernel.learn_persistence(
            self._kernel_settings, carried, residual, counts,
            self.cross, self.square, self.variance,
        )  # fmt: skip

    def follow(self, stamp_s: Array, residual: Array, trust: Array) -> None:
        """Take what is left now of the newest labels, (N, O), oldest first. As far as they are not
        believed, what was there stays.

        stamp_s: (N,) times of their samples [s]. trust: (N, O) how much each counts; 0 where not
        known.
        """
        kernel.follow_residuals(
            self._kernel_settings, stamp_s, residual, trust, self.newest, self._labelled_s
        )

    def fade(self, elapsed_s: float, labelled: NDArray[np.bool_]) -> None:
        """Let time pass [s]; (O,) which outputs have had labels in it."""
        kept = np.exp(-elapsed_s / self._settings.persistence_lasts_s)
        faded = kept * self.newest
        faded[np.square(faded) < np.square(_NOTHING) * self.variance] = 0.0
        self.newest = np.where(labelled, self.newest, faded)
