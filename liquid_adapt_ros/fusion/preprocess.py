"""From a colour and a depth picture to the two inputs of the encoder.

The encoder sees an image of fixed size and, for each cell of a coarse grid, the mean 3-D point
that the depth picture shows there. The points are computed with the intrinsics of the camera in
use and from every pixel of its pictures, so a camera with another resolution or lens yields the
same geometry as the one the encoder was trained with.

Frames: camera optical frame (REP-103), x right, y down, z forward, metres. A pixel's coordinates
are those of its centre, and (0, 0) is the centre of the top left pixel, as in CameraInfo.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

IMAGE_HEIGHT, IMAGE_WIDTH = 96, 128
GRID_HEIGHT, GRID_WIDTH = 24, 32
# Beyond this a reading of an RGB-D camera is noise; such pixels count as not measured.
MAX_DEPTH_M = 10.0
# Divisor of the depth channel: a belt some 1-2 m away lands near 0.5-1, like the colours.
DEPTH_SCALE_M = 2.0


def preprocess(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.floating], intrinsics: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make the encoder's inputs.

    Arguments:
        rgb: (H, W, 3) uint8 colours, any size from 24x32 on.
        depth_m: (H, W) depth along the optical axis, aligned to the colours [m]; 0, NaN, inf and
            more than 10 m mean not measured.
        intrinsics: (3, 3) camera matrix K of both pictures [px].

    Returns:
        image: (4, 96, 128) float32: red, green, blue in [-0.5, 0.5], depth / 2 m (0: none).
        points: (4, 24, 32) float32: for each cell the mean of its measured points x, y, z [m]
            (0 if none), and the share of its pixels that were measured [0, 1].

    Raises:
        ValueError: a shape or the intrinsics can't be right.
    """
    _check(rgb, depth_m, intrinsics)
    depth = np.asarray(depth_m, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        measured = (depth > 0.0) & (depth <= MAX_DEPTH_M)
    depth = np.where(measured, depth, np.float32(0.0))
    return _image(rgb, depth), _points(depth, measured, intrinsics)


def _image(rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) and (H, W) -> (4, 96, 128); colours by area, depth by the nearest pixel."""
    height, width = depth_m.shape
    if (height, width) != (IMAGE_HEIGHT, IMAGE_WIDTH):
        shrinks = height >= IMAGE_HEIGHT and width >= IMAGE_WIDTH
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        rgb = cv2.resize(rgb, (IMAGE_WIDTH, IMAGE_HEIGHT), interpolation=method)
        # Depths on both sides of an edge must not be mixed: that would invent points in between.
        rows = (2 * np.arange(IMAGE_HEIGHT) + 1) * height // (2 * IMAGE_HEIGHT)
        columns = (2 * np.arange(IMAGE_WIDTH) + 1) * width // (2 * IMAGE_WIDTH)
        depth_m = depth_m[rows[:, None], columns]
    image = np.empty((4, IMAGE_HEIGHT, IMAGE_WIDTH), dtype=np.float32)
    np.multiply(rgb.transpose(2, 0, 1), np.float32(1.0 / 255.0), out=image[:3])
    image[:3] -= 0.5
    np.divide(depth_m, np.float32(DEPTH_SCALE_M), out=image[3])
    return image


def _points(
    depth_m: NDArray[np.float32], measured: NDArray[np.bool_], intrinsics: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Mean back-projected point of each grid cell, (4, 24, 32).

    A point is depth * ((u - cx) / fx, (v - cy) / fy, 1). Cells are sums over whole pixels; where
    the size doesn't divide evenly, neighbouring cells differ by one row or column.
    """
    height, width = depth_m.shape
    x_per_depth = (np.arange(width, dtype=np.float32) - intrinsics[0, 2]) / intrinsics[0, 0]
    y_per_depth = (np.arange(height, dtype=np.float32) - intrinsics[1, 2]) / intrinsics[1, 1]
    maps = np.empty((4, height, width), dtype=np.float32)
    np.multiply(depth_m, x_per_depth[None, :], out=maps[0], casting="same_kind")
    np.multiply(depth_m, y_per_depth[:, None], out=maps[1], casting="same_kind")
    maps[2] = depth_m
    maps[3] = measured
    rows = np.arange(GRID_HEIGHT) * height // GRID_HEIGHT
    columns = np.arange(GRID_WIDTH) * width // GRID_WIDTH
    sums = np.add.reduceat(np.add.reduceat(maps, rows, axis=1), columns, axis=2)
    pixels = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    sums[:3] /= np.maximum(sums[3], 1.0)
    sums[3] /= pixels
    return sums


def _check(rgb: NDArray, depth_m: NDArray, intrinsics: NDArray) -> None:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"rgb must be (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
    if depth_m.shape != rgb.shape[:2]:
        raise ValueError(
            f"depth {depth_m.shape} and colour {rgb.shape[:2]} must have the same size"
        )
    if rgb.shape[0] < GRID_HEIGHT or rgb.shape[1] < GRID_WIDTH:
        raise ValueError(
            f"pictures must be at least {GRID_HEIGHT}x{GRID_WIDTH}, not {rgb.shape[:2]}"
        )
    if intrinsics.shape != (3, 3) or not np.all(np.isfinite(intrinsics)):
        raise ValueError("intrinsics must be a finite (3, 3) matrix")
    if intrinsics[0, 0] <= 0.0 or intrinsics[1, 1] <= 0.0:
        raise ValueError("intrinsics need positive focal lengths")
