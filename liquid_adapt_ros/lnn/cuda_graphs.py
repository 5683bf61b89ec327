"""Windows on a GPU as CUDA graphs: hundreds of small kernels started by one call.

One graph is captured, forward and backward, for each shape of window that is asked for, and
replayed from then on (torch.cuda.make_graphed_callables).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class GraphedWindows:
    """plain(*tensors) -> tensor, captured once for each set of shapes and gradients."""

    def __init__(self, plain: Callable[..., Tensor]) -> None:
        self._plain = plain
        self._graphs: dict[tuple, Callable[..., Tensor]] = {}

    def __call__(self, *tensors: Tensor) -> Tensor:
        """Return plain(*tensors); all of them must be on one CUDA device."""
        key = tuple((tuple(t.shape), t.dtype, t.requires_grad) for t in tensors)
        key += (torch.is_grad_enabled(),)
        if key not in self._graphs:
            samples = tuple(t.detach().clone().requires_grad_(t.requires_grad) for t in tensors)
            self._graphs[key] = torch.cuda.make_graphed_callables(self._plain, samples)
        # A graph answers in memory of its own, which its next replay overwrites.
        return self._graphs[key](*tensors).clone()
