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
        learns = tuple(t.requires_grad and torch.is_grad_enabled() for t in tensors)
        key = tuple((tuple(t.shape), t.dtype) for t in tensors) + learns
        if key not in self._graphs:
            samples = tuple(
                t.detach().clone().requires_grad_(needed)
                for t, needed in zip(tensors, learns, strict=True)
            )
            self._graphs[key] = torch.cuda.make_graphed_callables(self._plain, samples)
        # A graph keeps outputs and gradients in memory of its own, which its next replay
        # overwrites: both are copied out, the gradients by the backward pass of a product with 1.
        inputs = (t * 1.0 if needed else t for t, needed in zip(tensors, learns, strict=True))
        return self._graphs[key](*inputs).clone()
