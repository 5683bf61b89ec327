"""Joint values picked by name: drivers publish joints in any order and with extras."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class JointOrder:
    """Puts the values of a joint_states message into the order of `names`.

    Arguments:
        names: the joints wanted, in the order wanted.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._seen_names: list[str] = []
        self._indices = np.empty(0, dtype=np.intp)

    def pick(self, names: Sequence[str], values: Sequence[float]) -> NDArray[np.float64]:
        """Return (len(self.names),) values, in the unit of `values`.

        Arguments:
            names: the joints of the message; further joints than those wanted are ignored.
            values: one value per name.

        Raises:
            ValueError: a joint is missing or named twice, a value is missing, or a value wanted
                isn't finite; names the joint.
        """
        if names != self._seen_names:
            self._indices = self._find(names)
            self._seen_names = list(names)
        if len(values) != len(names):
            raise ValueError(f"{len(values)} values for {len(names)} joints")
        picked = np.asarray(values, dtype=np.float64)[self._indices]
        if not np.isfinite(picked).all():
            index = int(np.flatnonzero(~np.isfinite(picked))[0])
            raise ValueError(f"joint {self.names[index]} is {picked[index]}")
        return picked

    def _find(self, names: Sequence[str]) -> NDArray[np.intp]:
        for name in self.names:
            if name not in names:
                raise ValueError(f"joint {name} is missing")
            if list(names).count(name) > 1:
                raise ValueError(f"joint {name} is named twice")
        return np.array([list(names).index(name) for name in self.names], dtype=np.intp)
