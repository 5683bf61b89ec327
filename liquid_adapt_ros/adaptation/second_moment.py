"""The running mean of phi phi^T: which directions of the features have been seen, how strongly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# So many independent samples for each feature say as much as knowing nothing does.
_FOR_EACH_FEATURE = 4.0


class SecondMoment:
    """Mean of the outer products of all rows so far.

    Args:
        features: length of a row P.

    Attributes:
        samples: how many rows there were.
    """

    def __init__(self, features: int):
        self.samples = 0.0
        self._sum = np.zeros((features, features))

    @property
    def mean(self) -> NDArray[np.float64]:
        """(P, P); zero before the first row."""
        return self._sum / max(self.samples, 1.0)

    def learn(self, rows: NDArray[np.floating]) -> None:
        """Take rows (N, P)."""
        rows = rows.astype(np.float64)
        self._sum += rows.T @ rows
        self.samples += len(rows)

    def restart(self, mean: NDArray[np.floating], samples: float) -> None:
        """Go on from a mean (P, P) of so many rows."""
        self.samples = samples
        self._sum = np.asarray(mean, np.float64) * samples


def with_isotropy(moment: NDArray[np.float64], isotropy: float) -> NDArray[np.float64]:
    """A second moment (P, P) of which a part, in [0, 1], is the same in all directions."""
    level = np.trace(moment) / len(moment)
    return (1.0 - isotropy) * moment + isotropy * level * np.eye(len(moment))


def isotropy_after(samples: float, features: int, lasting: float) -> float:
    """How much of a second moment of so many independent samples is better taken to be the same in
    all directions, in [0, 1]: all of it at first, `lasting` of it in the end.

    Fewer samples than there are features leave out directions that come later. A mean of what was
    seen and of what has no direction errs less (Ledoit and Wolf, "A well-conditioned estimator for
    large-dimensional covariance matrices", Journal of Multivariate Analysis 88, 2004).
    """
    seen = samples / (samples + _FOR_EACH_FEATURE * features)
    return 1.0 - (1.0 - lasting) * seen
