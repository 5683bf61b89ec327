"""Work in pieces, each a file that is not made again: where it lies, and its progress."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.tools.pretrain.processes import in_processes
from liquid_adapt_ros.tools.pretrain.stage import source_hash
from liquid_adapt_ros.tools.progress import progress_bar
from liquid_adapt_ros.tools.resumable import resumable
from liquid_adapt_ros.weights.fingerprint import file_sha256, fingerprint

# What a recorded stream depends on, the models aside.
STREAM_SOURCES = (
    "fusion",
    "sim",
    "tools/adaptation/disturbances.py",
    "tools/adaptation/streams.py",
    "tools/in_process_fusion.py",
)

Pieces = Sequence[Callable[[], None]]


def work_key(models: Path, *sources: str) -> str:
    """Name of a folder: other sources or another model have a folder of their own."""
    files = [file_sha256(path) for path in sorted(models.glob("*.safetensors"))]
    return _short([source_hash(*sources), *files])


def stream_key(models: Path) -> str:
    """The same of recorded streams: encoder and normalisation are all they have of the model."""
    model = load_policy(models / "conveyor_policy.safetensors")
    seen = fingerprint({}, model.encoder_sha256, model.norm)
    return _short([source_hash(*STREAM_SOURCES), seen])


def _short(parts: Sequence[str]) -> str:
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]


def work_off(stages: Mapping[str, Callable[[], Pieces]], processes: int, console: Console) -> None:
    """Do the pieces of each stage, one stage after the other, with a bar each.

    Raises SystemExit at Ctrl-C.
    """
    with resumable(console):
        for name, pieces_of in stages.items():
            pieces = pieces_of()
            with progress_bar(console, name) as update:
                update(0, len(pieces))
                for done, _ in enumerate(in_processes(pieces, processes), start=1):
                    update(done, len(pieces))
