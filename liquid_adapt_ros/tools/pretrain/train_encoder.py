"""Supervised training of the camera encoder.

The features must tell, by a linear readout, where the target is, where the next object is, where
the tool is and whether it holds something: what the policy needs from a picture. The readouts that
they are trained with are thrown away; those of the positions are solved anew at the end and become
part of the encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from liquid_adapt_ros.tools.pretrain.checkpoint import Checkpoint
from liquid_adapt_ros.tools.pretrain.encoder import (
    FEATURES,
    VOTING,
    ConveyorEncoder,
)
from liquid_adapt_ros.tools.pretrain.pictures import PictureBatch, PictureSet, shuffled_batches
from liquid_adapt_ros.tools.pretrain.position_readout import position_readout
from liquid_adapt_ros.tools.pretrain.settings import EncoderSettings

# Positions are learned relative to the middle of the picking zone, in units of 0.1 m, with an
# error that counts linearly beyond 2 mm, so that pictures in which an object is hidden or about
# to stop being the target do not outweigh the rest, and what is a few millimetres off still does
# beside the other losses.
_CENTRE_M = (0.0, 0.1, 0.9)
_UNIT_M = 0.1
_LINEAR_FROM = 0.02

_HEATMAP_WEIGHT = 0.1
_HEATMAP_SIGMA_CELLS = 0.7
_TARGET_WEIGHT, _SECOND_WEIGHT, _TOOL_WEIGHT, _BINARY_WEIGHT = 3.0, 0.3, 0.2, 0.1
# Of how many pictures one decides how positions are read.
_READ_EVERY = 3
# Mild changes of colour and light, a little beyond what the simulator draws.
_GAIN_SIGMA, _TINT_SIGMA, _OFFSET_SIGMA = 0.10, 0.05, 0.02


class TrainingHeads(nn.Module):
    """Linear readouts of the features: target, second object, tool, present, holding."""

    def __init__(self) -> None:
        super().__init__()
        self.readout = nn.Linear(FEATURES, 11)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Positions (N, 3) in the optical frame [m]; present and holding as logits (N,)."""
        values = self.readout(features)
        centre = values.new_tensor(_CENTRE_M)
        positions = (values[:, :9] * _UNIT_M).unflatten(1, (3, 3)) + centre
        target, second, tool = positions.unbind(1)
        return {
            "target": target,
            "second": second,
            "tool": tool,
            "present": values[:, 9],
            "holding": values[:, 10],
        }


def position_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Huber loss over the positions that are known (not NaN); 0 where none is."""
    known = ~truth.isnan().any(dim=1)
    if not known.any():
        return predicted.sum() * 0.0
    error = (predicted[known] - truth[known]) / _UNIT_M
    return functional.smooth_l1_loss(error, torch.zeros_like(error), beta=_LINEAR_FROM)


def encoder_loss(said: dict[str, Tensor], logits: Tensor, truth: dict[str, Tensor]) -> Tensor:
    """The sum that is minimised; the first three heatmaps are told what to look at."""
    present = (~truth["target"].isnan().any(dim=1)).float()
    binary = functional.binary_cross_entropy_with_logits
    looks = [
        heatmap_loss(logits[:, index], truth[f"{name}_cell"])
        for index, name in enumerate(("target", "second", "tool"))
    ]
    return (
        _HEATMAP_WEIGHT * torch.stack(looks).sum()
        + _TARGET_WEIGHT * position_loss(said["target"], truth["target"])
        + _SECOND_WEIGHT * position_loss(said["second"], truth["second"])
        + _TOOL_WEIGHT * position_loss(said["tool"], truth["tool"])
        + _BINARY_WEIGHT * binary(said["present"], present)
        + _BINARY_WEIGHT * binary(said["holding"], truth["holding"])
    )


def heatmap_loss(logits: Tensor, cell: Tensor) -> Tensor:
    """Divergence of heatmaps (N, h, w) from a blob at the cells (N, 2) that are known.

    Without it the heatmaps start flat and take thousands of steps to find the objects.
    """
    known = ~cell.isnan().any(dim=1)
    if not known.any():
        return logits.sum() * 0.0
    logits, cell = logits[known], cell[known]
    rows = torch.arange(logits.shape[1], device=logits.device)
    columns = torch.arange(logits.shape[2], device=logits.device)
    squared = (rows - cell[:, 1:]).square()[:, :, None] + (columns - cell[:, :1]).square()[:, None]
    blob = torch.softmax(squared.flatten(1) / (-2.0 * _HEATMAP_SIGMA_CELLS**2), dim=1)
    log_heatmap = torch.log_softmax(logits.flatten(1), dim=1)
    return functional.kl_div(log_heatmap, blob, reduction="batchmean")


def augment(image: Tensor, generator: torch.Generator) -> Tensor:
    """Change light and colour of each picture (N, 4, H, W) in place; depth stays."""
    count = image.shape[0]

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator).to(image.device)

    gain = 1.0 + _GAIN_SIGMA * normal(1, 1, 1) + _TINT_SIGMA * normal(3, 1, 1)
    offset = _OFFSET_SIGMA * normal(3, 1, 1)
    colour = image[:, :3]
    colour.add_(0.5).mul_(gain).add_(offset - 0.5).clamp_(-0.5, 0.5)
    return image


class EncoderTrainer:
    """Model, readouts, optimiser and schedule, on the GPU if there is one."""

    def __init__(self, settings: EncoderSettings, pictures: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # channels_last makes a step 1.6 times as fast on a CPU; bf16 gains nothing there.
        self.encoder = ConveyorEncoder().to(self.device, memory_format=torch.channels_last)
        self.heads = TrainingHeads().to(self.device)
        self.steps = max(1, round(settings.epochs * (pictures // settings.batch)))
        parameters = [*self.encoder.parameters(), *self.heads.parameters()]
        self._optimiser = torch.optim.AdamW(
            parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, settings.learning_rate, total_steps=self.steps + 1, pct_start=0.15
        )
        self._noise = torch.Generator()

    def checkpoint(self, path: Path, period_s: float) -> Checkpoint:
        """Everything that training changes."""
        return Checkpoint(
            path,
            period_s,
            encoder=self.encoder,
            heads=self.heads,
            optimiser=self._optimiser,
            schedule=self._schedule,
        )

    def step(self, batch: PictureBatch, number: int) -> float:
        """One optimiser step; returns the loss. `number` seeds the augmentation."""
        self.encoder.train()
        image, points, truth = self._tensors(batch)
        image = augment(image, self._noise.manual_seed(number))
        looked = self.encoder.look(image, points)
        said = self.heads(self.encoder.features(looked, points))
        loss = encoder_loss(said, looked.logits, truth)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        self._schedule.step()
        return float(loss.detach())

    @torch.no_grad()
    def target_error(self, batch: PictureBatch) -> NDArray[np.float32]:
        """Distance of the target read out from its true position [m], (N,); NaN: no target."""
        self.encoder.eval()
        image, points, truth = self._tensors(batch)
        target = self.encoder(image, points)[:, :3]
        return (target - truth["target"]).norm(dim=1).cpu().numpy()

    @torch.no_grad()
    def solve_positions(self, pictures: PictureSet, batch: int) -> None:
        """Have the encoder read out target, next object and tool as well as can be done.

        What no picture shows stays what its own heatmap answers.
        """
        self.encoder.eval()
        features, truth = [], []
        chosen = np.arange(0, len(pictures), _READ_EVERY)
        for indices in np.array_split(chosen, -(-len(chosen) // batch)):
            drawn = pictures.batch(indices)
            image, points, _ = self._tensors(drawn)
            looked = self.encoder.look(image, points)
            features.append(self.encoder.features(looked, points).cpu().numpy())
            labels = drawn.labels
            truth.append(np.stack([labels.target, labels.second, labels.tool], axis=1))
        seen, positions = np.concatenate(features), np.concatenate(truth)
        for item in range(VOTING):
            if np.isfinite(positions[:, item]).any():
                self.encoder.read_position(item, *position_readout(seen, positions[:, item]))

    def _tensors(self, batch: PictureBatch) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        image = torch.from_numpy(batch.image).to(self.device, memory_format=torch.channels_last)
        points = torch.from_numpy(batch.points).to(self.device)
        labels = vars(batch.labels)
        truth = {name: torch.from_numpy(item).to(self.device) for name, item in labels.items()}
        return image, points, truth


def train_encoder(
    folder: Path,
    recordings: Sequence[Path],
    settings: EncoderSettings,
    seed: int,
    checkpoint_s: float,
    progress: Callable[[int, int, str], None],
) -> tuple[ConveyorEncoder, dict[str, float]]:
    """Train, resuming from the checkpoint in `folder`; returns the encoder (eval) and its figures.

    The last twentieth of the recordings (one at least) is left out and measured at the end, so
    ordinary episodes come last.
    `progress` is called with steps done, steps in all and a line of text.
    """
    held_back = max(1, len(recordings) // 20)
    pictures = PictureSet(recordings[:-held_back])
    trainer = EncoderTrainer(settings, len(pictures), seed)
    checkpoint = trainer.checkpoint(folder / "checkpoint.pt", checkpoint_s)
    first, average = checkpoint.restore(), 0.0
    batches = shuffled_batches(len(pictures), settings.batch, trainer.steps, seed, first)
    for number, indices in enumerate(batches, start=first):
        loss = trainer.step(pictures.batch(indices), number)
        average = loss if number == first else 0.98 * average + 0.02 * loss
        progress(number + 1, trainer.steps, f"loss {average:.3f}")
        checkpoint.save_if_due(number + 1)
    checkpoint.save(trainer.steps)
    progress(trainer.steps, trainer.steps, "reading positions")
    trainer.solve_positions(pictures, settings.batch)
    figures = _measure(trainer, PictureSet(recordings[-held_back:]), settings.batch)
    return trainer.encoder.eval(), figures


def _measure(trainer: EncoderTrainer, pictures: PictureSet, batch: int) -> dict[str, float]:
    errors = [
        trainer.target_error(pictures.batch(np.arange(start, min(start + batch, len(pictures)))))
        for start in range(0, len(pictures), batch)
    ]
    error = np.concatenate(errors)
    error = error[np.isfinite(error)]
    return {
        "target_error_median_m": float(np.median(error)),
        "target_error_p90_m": float(np.quantile(error, 0.9)),
        "target_error_rmse_m": float(np.sqrt(np.mean(error**2))),
    }
