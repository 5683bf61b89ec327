"""Our network computed by torch operations alone, the form that the compiled kernel replaces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from liquid_adapt_ros.lnn import LiquidNetwork, NetworkSpec


def plain_network(
    spec: NetworkSpec, params: Mapping[str, np.ndarray] | None = None
) -> LiquidNetwork:
    """The network with the cell's plain equations; params float32 or float64."""
    network = LiquidNetwork(spec, params)
    network.core.compiled = False
    return network
