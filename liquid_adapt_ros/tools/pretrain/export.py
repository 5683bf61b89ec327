"""The trained encoder as one ONNX file, checked against torch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.fusion.preprocess import (
    GRID_HEIGHT,
    GRID_WIDTH,
    IMAGE_HEIGHT,
    IMAGE_WIDTH,
)

TOLERANCE = 1e-3


def export_encoder(encoder: nn.Module, path: Path) -> float:
    """Write `path` and return the largest difference between ONNX Runtime and torch.

    Batch size is free. BatchNorm uses its running statistics (eval). Raises RuntimeError where
    the two differ by more than TOLERANCE on random pictures.
    """
    encoder = encoder.cpu().eval()
    image, points = random_inputs(4, seed=0)
    inputs = torch.from_numpy(image), torch.from_numpy(points)
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about its own internals
        torch.onnx.export(
            encoder,
            inputs,
            str(path),
            input_names=["image", "points"],
            output_names=["embedding"],
            dynamic_shapes=({0: batch}, {0: batch}),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    difference = largest_difference(encoder, OnnxEncoder(path))
    if difference > TOLERANCE:
        raise RuntimeError(f"{path} differs from torch by {difference:.2e}, limit {TOLERANCE:.0e}")
    return difference


def largest_difference(encoder: nn.Module, exported: OnnxEncoder, count: int = 16) -> float:
    """Largest absolute difference of the embeddings over `count` random pictures."""
    image, points = random_inputs(count, seed=1)
    with torch.no_grad():
        expected = encoder(torch.from_numpy(image), torch.from_numpy(points)).numpy()
    pairs = zip(image, points, strict=True)
    return float(np.abs(np.array([exported.encode(*pair) for pair in pairs]) - expected).max())


def random_inputs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Encoder inputs of the right shape and range, some cells without depth."""
    rng = np.random.default_rng(seed)
    image = rng.uniform(-0.5, 0.5, (count, 4, IMAGE_HEIGHT, IMAGE_WIDTH)).astype(np.float32)
    points = rng.uniform(-1.0, 2.0, (count, 4, GRID_HEIGHT, GRID_WIDTH)).astype(np.float32)
    points[:, 3] = rng.integers(0, 2, points[:, 3].shape)
    points[:, :3] *= points[:, 3:]
    return image, points
