"""The linear readout that finds a position in the encoder's features, solved after training.

Whoever reads the embedding must know to a millimetre where an object is. Said by the sum of a
hundred features that are tens of millimetres off each, that would have to be learned again, and
small noise on each of them would hide it. So the encoder itself says the sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Features are uncertain by this share of their spread: the readout is the one with the smallest
# error for features that noisy, which keeps it from adding up what nearly cancels.
_NOISE = 0.005
# No feature is scaled up more than this allows: what hardly ever changes says nothing.
_SMALLEST_SPREAD = 1e-3
# Beyond this error a picture counts less and less, so that those in which an object is hidden, or
# about to be another one, do not decide.
_LINEAR_FROM_M = 0.004
_ROUNDS = 20


def position_readout(
    features: ArrayLike, position: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (3, F) and bias (3,) [m] that read positions out of features.

    Ridge regression with Huber's loss, by iteratively reweighted least squares (Holland and
    Welsch, Communications in Statistics A6, 1977).

    Arguments: features (N, F); position (N, 3) [m], NaN where there is none.

    Raises ValueError where no position is known.
    """
    features, position = np.asarray(features, np.float64), np.asarray(position, np.float64)
    known = np.isfinite(position).all(axis=1)
    features, position = features[known], position[known]
    count, size = features.shape
    if not count:
        raise ValueError(f"none of the {len(known)} positions is known")
    mean = features.mean(axis=0)
    spread = np.maximum(features.std(axis=0), _SMALLEST_SPREAD)
    regressors = np.column_stack([(features - mean) / spread, np.ones(count)])
    penalty = np.diag([count * _NOISE**2] * size + [0.0])
    weight = np.ones(count)
    for _ in range(_ROUNDS):
        weighted = regressors * weight[:, None]
        solution = np.linalg.solve(regressors.T @ weighted + penalty, weighted.T @ position)
        error = np.linalg.norm(position - regressors @ solution, axis=1)
        weight = _LINEAR_FROM_M / np.maximum(error, _LINEAR_FROM_M)
    weights = (solution[:size] / spread[:, None]).T
    return weights, solution[size] - weights @ mean
