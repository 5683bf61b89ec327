"""Training that can be cut off: the state of everything that changes, every few minutes."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import torch

from liquid_adapt_ros.weights.atomic_file import write_atomically


class Checkpoint:
    """Saves and restores the state of some torch objects and the number of steps done.

    Arguments:
        path: the file, written atomically.
        period_s: time between two checkpoints [s].
        parts: objects with state_dict and load_state_dict (modules, optimisers, schedules).
    """

    def __init__(self, path: Path, period_s: float, **parts: Any) -> None:
        self._path = path
        self._period_s = period_s
        self._parts = parts
        self._saved_at = time.monotonic()

    def restore(self) -> int:
        """Bring the parts to the last checkpoint; returns its step, 0 where there is none."""
        if not self._path.exists():
            return 0
        state = torch.load(self._path, weights_only=True)
        for name, part in self._parts.items():
            part.load_state_dict(state["parts"][name])
        return state["step"]

    def save_if_due(self, step: int) -> None:
        """Save if the period has passed."""
        if time.monotonic() - self._saved_at >= self._period_s:
            self.save(step)

    def save(self, step: int) -> None:
        """Save now: `step` steps are done."""
        content = io.BytesIO()
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        torch.save({"step": step, "parts": parts}, content)
        write_atomically(self._path, content.getvalue())
        self._saved_at = time.monotonic()
