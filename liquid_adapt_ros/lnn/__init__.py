"""Liquid networks: cells, solvers, streaming and training. Nothing of ROS, nothing of the robot.

    from liquid_adapt_ros.lnn import LiquidNetwork, NetworkSpec, StreamingStep

network_spec     sizes and ranges of a network
cells/           the equations, one file each
solvers/         the integrators, one file each
time_constants   the bounded time constants
initialisation   random initial weights
kernel           the compiled core over a window of samples, forward and backward
streaming        a whole network one sample at a time, compiled, without torch
torch_core       a cell as a torch module: step and unroll
torch_network    a whole network as a torch module
cuda_graphs      windows on a GPU
spec             the policy of a robot: a network with meaning to its inputs and outputs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.streaming import StreamingStep

if TYPE_CHECKING:
    from liquid_adapt_ros.lnn.torch_core import LiquidCore
    from liquid_adapt_ros.lnn.torch_network import LiquidNetwork

__all__ = ["LiquidCore", "LiquidNetwork", "NetworkSpec", "StreamingStep", "initial_params"]


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is asked for: a robot's hot path runs without torch."""
    if name == "LiquidCore":
        from liquid_adapt_ros.lnn.torch_core import LiquidCore

        return LiquidCore
    if name == "LiquidNetwork":
        from liquid_adapt_ros.lnn.torch_network import LiquidNetwork

        return LiquidNetwork
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
