"""How far apart the labels of each output are: what one of them stands for.

Labels seldom come for every sample: features are known at 100 Hz, a tracker speaks at 10. A label
that stands alone says more than one among others, which repeat each other; by how much is
`ReadoutSettings.independent`. Gaps are another matter: the first label after one is no more than
any other, so what counts is the median of the newest three distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_NEVER = -np.inf


class LabelSpacing:
    """Distances between labelled samples, output by output.

    Args:
        outputs: O.
    """

    def __init__(self, outputs: int):
        self._newest = np.ones((2, outputs))  # distances, in samples, the older one first
        self.start_over()

    def start_over(self) -> None:
        """Samples are counted anew; distances stay as they are."""
        self._labelled = np.full(self._newest.shape[1], _NEVER)

    def learn(
        self, samples: NDArray[np.int64], labelled: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Take labels of samples (N,), by their rising numbers in the stream, and outputs (N, O).

        Returns of how many samples each is the only one that is labelled, usually, (N, O), at
        least 1; 1 where there is no label. A label of a sample before the newest that has one is
        at no distance.
        """
        stands_for = np.ones(labelled.shape)
        outputs = np.flatnonzero(labelled.any(axis=0))
        if len(outputs) and labelled[:, outputs].all():
            stands_for[:, outputs] = self._learn(samples, outputs)
        else:
            for output in outputs:
                rows = labelled[:, output]
                stands_for[rows, output] = self._learn(samples[rows], np.array([output]))[:, 0]
        return stands_for

    def _learn(
        self, samples: NDArray[np.int64], outputs: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The same of outputs (M,) that all samples have labels of, (N, M)."""
        newest, first = self._newest[:, outputs], self._labelled[outputs]
        ahead = samples[:, None] - np.maximum.accumulate(
            np.concatenate([first[None], np.repeat(samples[:-1, None], len(outputs), axis=1)])
        )
        ahead = np.maximum(ahead, 0.0)
        known = np.isfinite(ahead)
        low = newest.min(axis=0)
        distances = np.concatenate([newest, np.where(known, ahead, low)])
        self._newest[:, outputs] = distances[-2:]
        self._labelled[outputs] = np.maximum(first, samples[-1])
        one, two, three = distances[:-2], distances[1:-1], distances[2:]
        middle = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))
        return np.maximum(middle, 1.0)
