"""How far off the answers may be because the network's state is not known.

At the start of a stream and after a gap the state is a guess, and what is said is wrong for a
while for reasons that pass. A second state, another guess, takes the same samples: the two come
together as far as the samples decide what the state is, so what they differ by says how much of an
error the guess may be to blame for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.windows import Params
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream

Array = NDArray[np.floating]

# A label counts half where its error is so many times what the two guesses differ by.
_DOUBTS = 8.0
# An error that is as good as none, squared.
_TINY = 1e-12


class StateDoubt:
    """The second guess, for the longest time constant after a gap: what was before is forgotten
    then. While it lasts, further gaps are taken as both states take them, so that a stream that is
    full of gaps is not in doubt for ever.

    spec, params: of the network.
    """

    def __init__(self, spec: NetworkSpec, params: Params):
        self._spec = spec
        self._none = np.zeros(spec.outputs)
        self._other = StatefulStream(spec, params)
        self.restart()

    def restart(self) -> None:
        """A stream starts. The first guess is zero, the second what the first sample would come
        to in the longest time constant."""
        self._other.reset()
        self._left_s = self._first_s = self._spec.tau_max_s

    def after_gap(self, hidden_state: Array) -> None:
        """The next sample comes after a gap; hidden_state: (H,) the state before it. The first
        guess is what the next sample makes of it over the gap, the second what it does in a
        step."""
        if self._left_s <= 0.0:
            self._other.start_from(hidden_state)
            self._left_s, self._first_s = self._spec.tau_max_s, self._spec.step_s

    def step(self, features: Array, dt_s: float, answer: Array) -> Array:
        """How far the network's answer (O,) to a sample (F,), dt_s [s] after the one before, is
        off that of the second guess, (O,); infinite where that is not finite."""
        if self._left_s <= 0.0:
            return self._none
        if self._first_s:
            dt_s, self._first_s = self._first_s, 0.0
        else:
            self._left_s -= dt_s
        other, finite = self._other.step(features, dt_s)
        return np.abs(answer - other) if finite else np.full(len(answer), np.inf)


def believed(error: Array, doubt: Array) -> Array:
    """How much each of N labels counts, (N,) in [0, 1]: 1 where its error is far larger than what
    the state may be to blame for, 0 where far smaller.

    error: (N, O) of what would be said now, NaN where there is no label. doubt: (N, O) see
    `StateDoubt.step`.
    """
    is_known = ~np.isnan(error)
    squared = np.square(error).sum(axis=1, where=is_known) + _TINY
    return squared / (squared + _DOUBTS**2 * np.square(doubt).sum(axis=1, where=is_known))
