"""A readout as one matrix: its weight and, as the last column, its bias."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.windows import Params

READOUT_NAMES = ("readout.weight", "readout.bias")


def joined(params: Params) -> NDArray[np.float64]:
    """Readout and bias as one matrix (O, P), for phi with a 1 at its end."""
    weight, bias = (params[name] for name in READOUT_NAMES)
    return np.concatenate([weight, bias[:, None]], axis=1).astype(np.float64)


def with_identity(params: Params) -> dict[str, NDArray[np.float32]]:
    """The same network with an identity for a readout: it answers with phi."""
    size = params["readout.weight"].shape[1]
    identity = np.concatenate([np.eye(size), np.zeros((size, 1))], axis=1)
    return {**params, **split(identity)}


def split(readout: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """The reverse of `joined`."""
    values = readout.astype(np.float32)
    return {
        "readout.weight": np.ascontiguousarray(values[:, :-1]),
        "readout.bias": values[:, -1].copy(),
    }
