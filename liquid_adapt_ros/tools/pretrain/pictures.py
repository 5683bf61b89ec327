"""Batches of recorded pictures with what the encoder's training heads should say about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.preprocess import GRID_HEIGHT, GRID_WIDTH, preprocess
from liquid_adapt_ros.tools.in_process_fusion import MILLIMETRE
from liquid_adapt_ros.tools.pretrain.record import Recording


@dataclass(frozen=True)
class PictureLabels:
    """The truth at the instants of N pictures.

    Attributes:
        target, second, tool: (N, 3) positions as the camera measures them: in its optical frame,
            from where it really is, and with its depths as they are [m]. NaN: none. What a bump
            or a wrong depth does to positions in base_link is not to be seen in one picture.
        target_cell, second_cell, tool_cell: (N, 2) column and row on the encoder's grid where the
            camera sees that position; whole numbers are the centres of cells. NaN: out of view.
        holding: (N,) 1.0 where the gripper holds an object.
    """

    target: NDArray[np.float32]
    second: NDArray[np.float32]
    tool: NDArray[np.float32]
    target_cell: NDArray[np.float32]
    second_cell: NDArray[np.float32]
    tool_cell: NDArray[np.float32]
    holding: NDArray[np.float32]


@dataclass(frozen=True)
class PictureBatch:
    """Encoder inputs (N, 4, 96, 128) and (N, 4, 24, 32), and the labels."""

    image: NDArray[np.float32]
    points: NDArray[np.float32]
    labels: PictureLabels


class PictureSet:
    """All pictures of some recordings, addressed by one index.

    Arguments:
        folders: one per recording, see `Recording.load`.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._recordings = [Recording.load(folder) for folder in folders]
        counts = [len(item.taken_tick) for item in self._recordings]
        self._episode = np.repeat(np.arange(len(counts)), counts)
        self._offset = np.concatenate([np.arange(count) for count in counts])
        labels = [picture_labels(item) for item in self._recordings]
        self._labels = {
            name: np.concatenate([getattr(item, name) for item in labels])
            for name in PictureLabels.__dataclass_fields__
        }

    def __len__(self) -> int:
        return len(self._episode)

    def batch(self, indices: NDArray[np.integer]) -> PictureBatch:
        """The pictures of these indices, prepared exactly as fusion prepares them."""
        prepared = [self._prepare(index) for index in indices]
        image, points = (np.stack(part) for part in zip(*prepared, strict=True))
        labels = {name: values[indices] for name, values in self._labels.items()}
        return PictureBatch(image, points, PictureLabels(**labels))

    def _prepare(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        recording, offset = self._recordings[self._episode[index]], self._offset[index]
        depth_m = recording.depth_mm[offset] * MILLIMETRE
        return preprocess(recording.rgb[offset], depth_m, recording.intrinsics)


def picture_labels(recording: Recording) -> PictureLabels:
    """The labels of a recording's P pictures at the instants they were taken.

    Between two ticks a position is interpolated, unless it is unknown at one of them or the target
    changes in between; then it is that of the nearer tick.
    """
    last = len(recording.target) - 1
    taken = recording.taken_tick.clip(0, last)
    before, nearest = np.floor(taken).astype(int), np.rint(taken).astype(int)
    after, share = np.minimum(before + 1, last), (taken - np.floor(taken))[:, None]
    same = (recording.target_id[before] == recording.target_id[after])[:, None]
    labels = {"holding": recording.holding[nearest].astype(np.float32)}
    for name in ("target", "second", "tool"):
        position = getattr(recording, name)
        between = (1.0 - share) * position[before] + share * position[after]
        usable = same & np.isfinite(between)
        position = np.where(usable, between, position[nearest])
        labels[name] = measured_position(recording, position).astype(np.float32)
        labels[f"{name}_cell"] = grid_cell(recording, position).astype(np.float32)
    return PictureLabels(**labels)


def measured_position(recording: Recording, position: NDArray[np.floating]) -> NDArray[np.float64]:
    """Positions (P, 3) in base_link as the camera measures them in its optical frame [m]."""
    rotation, origin = recording.camera_pose[:3, :3], recording.camera_pose[:3, 3]
    return recording.depth_scale * ((position - origin) @ rotation)


def grid_cell(recording: Recording, position: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where positions (P, 3) in base_link [m] lie on the encoder's grid, (P, 2); NaN: nowhere."""
    seen = measured_position(recording, position)
    pixel = seen @ recording.intrinsics.T
    pixel = pixel[:, :2] / pixel[:, 2:]
    height, width = recording.depth_mm.shape[1:]
    grid = np.array((GRID_WIDTH, GRID_HEIGHT))
    cell = (pixel + 0.5) * grid / (width, height) - 0.5
    inside = np.all((cell > -0.5) & (cell < grid - 0.5), axis=1) & (seen[:, 2] > 0.0)
    return np.where(inside[:, None], cell, np.nan)


def shuffled_batches(
    count: int, batch: int, steps: int, seed: int, first: int = 0
) -> Iterator[NDArray[np.integer]]:
    """Indices of `steps` batches, every epoch in a new order; starts at batch number `first`.

    The order depends on the seed alone, so training cut off after `first` batches goes on with
    those it would have seen.
    """
    per_epoch = max(1, count // batch)
    order = np.empty(0, np.int64)
    for number in range(first, steps):
        epoch, place = divmod(number, per_epoch)
        if place == 0 or number == first:
            order = np.random.default_rng((seed, epoch)).permutation(count)
        yield np.sort(order[place * batch : (place + 1) * batch])
