"""Beginnings of many episodes, recorded and embedded in one go; their pictures are not kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.tools.pretrain.processes import in_processes
from liquid_adapt_ros.tools.pretrain.record import episode_rng, record_episode
from liquid_adapt_ros.tools.pretrain.sequences import PolicySequence, embed, policy_sequence
from liquid_adapt_ros.tools.pretrain.settings import DataSettings, StartSettings

# Seeds a role of its own, beside those of recorded and held-out episodes.
STARTS = 2
_PER_JOB = 20


def record_starts(
    folder: Path,
    encoder_path: Path,
    spec: PolicySpec,
    settings: StartSettings,
    seed: int,
    workers: int,
    progress: Callable[[int], None],
) -> None:
    """Record what is missing in `folder`; `progress` is called with the number that is there."""
    blocks = [
        range(first, min(first + _PER_JOB, settings.episodes))
        for first in range(0, settings.episodes, _PER_JOB)
    ]
    todo = [block for block in blocks if not _path(folder, block).exists()]
    done = settings.episodes - sum(map(len, todo))
    progress(done)
    jobs = [
        partial(_record_block, folder, encoder_path, spec, settings, seed, block) for block in todo
    ]
    for count in in_processes(jobs, workers):
        done += count
        progress(done)


def load_starts(folder: Path) -> list[PolicySequence]:
    """All beginnings in `folder`, in their order."""
    sequences = []
    for path in sorted(folder.glob("starts_*.npz")):
        with np.load(path) as block:
            sequences += map(PolicySequence, block["features"], block["outputs"])
    return sequences


def _record_block(
    folder: Path,
    encoder_path: Path,
    spec: PolicySpec,
    settings: StartSettings,
    seed: int,
    block: range,
) -> int:
    encoder = OnnxEncoder(encoder_path)
    data = DataSettings(episodes=settings.episodes, episode_s=settings.episode_s)
    sequences = []
    for index in block:
        recording = record_episode(data, episode_rng(seed, STARTS, index))
        sequences.append(policy_sequence(recording, embed(recording, encoder), spec))
    path = _path(folder, block)
    partial_path = path.with_suffix(".partial")
    with partial_path.open("wb") as file:
        np.savez(
            file,
            features=np.stack([item.features for item in sequences]),
            outputs=np.stack([item.outputs for item in sequences]),
        )
    partial_path.replace(path)
    return len(block)


def _path(folder: Path, block: range) -> Path:
    return folder / f"starts_{block.start:05d}.npz"
