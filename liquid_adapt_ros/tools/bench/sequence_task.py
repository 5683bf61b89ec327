"""Next-step prediction of a public series: our cells and those of ncps under one recipe.

Same for all: units, linear readout, data and their order, normalisation, Adam, learning rate,
epochs, seeds. The series is split in time; nothing is chosen by the test part, which is scored
once, after the last epoch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from liquid_adapt_ros.lnn import LiquidNetwork, NetworkSpec
from liquid_adapt_ros.lnn.cells import CELLS
from liquid_adapt_ros.tools.bench.settings import SequenceSettings
from liquid_adapt_ros.tools.bench.windows import outputs_of
from liquid_adapt_ros.tools.progress import Update

Build = Callable[[int], nn.Module]  # the network for a seed


def our_networks(channels: int, units: int) -> dict[str, Build]:
    """Each cell with its default solver, and liquid_ode with the exponential one.

    The series has no physical clock: the step is 1, the range of time constants is the default.
    """

    def build(cell: str, solver: str) -> Build:
        spec = NetworkSpec(channels, channels, hidden=units, cell=cell, solver=solver, step_s=1.0)
        return lambda seed: LiquidNetwork(spec, seed=seed)

    pairs = [(cell, equations.solvers[0]) for cell, equations in CELLS.items()]
    pairs.insert(1, ("liquid_ode", "exponential"))
    return {f"{cell}/{solver}": build(cell, solver) for cell, solver in pairs}


def compare(
    series: np.ndarray, networks: Mapping[str, Build], settings: SequenceSettings, update: Update
) -> dict[str, dict[str, Any]]:
    """Train every network with every seed on a series (T, C).

    Returns for each the test error (mean square, normalised), mean and standard deviation over
    the seeds, its parameters, and the time of one training [s]; under "persistence" the error of
    predicting no change.
    """
    task = SequenceTask(series, settings)
    results: dict[str, dict[str, Any]] = {
        "persistence": {"test_mse": task.persistence_mse(), "spread": 0.0}
    }
    total = len(networks) * len(settings.seeds)
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in networks}
    # Seed by seed, so that the times of training are from the same stretch of the run.
    for number, seed in enumerate(settings.seeds):
        for place, (name, build) in enumerate(networks.items()):
            torch.manual_seed(seed)
            network = build(seed)
            started = time.perf_counter()
            task.train(network, seed)
            seconds = time.perf_counter() - started
            runs[name].append((task.test_mse(network), seconds))
            update(number * len(networks) + place + 1, total)
    for name, build in networks.items():
        errors, seconds = zip(*runs[name], strict=True)
        results[name] = {
            "test_mse": statistics.fmean(errors),
            "spread": statistics.stdev(errors) if len(errors) > 1 else 0.0,
            "by_seed": list(errors),
            "parameters": trainable(build(0)),
            "training_s": statistics.median(seconds),
        }
    return results


def trainable(network: nn.Module) -> int:
    """Number of learnable parameters."""
    return sum(value.numel() for value in network.parameters() if value.requires_grad)


class SequenceTask:
    """The series, normalised by its training part, in windows of inputs and next values."""

    def __init__(self, series: np.ndarray, settings: SequenceSettings) -> None:
        self._settings = settings
        split = round(len(series) * settings.train_share)
        mean, scale = series[:split].mean(axis=0), series[:split].std(axis=0)
        values = torch.from_numpy((series - mean) / scale).float()
        self._train = _windows(values[:split], settings.window)
        self._test = _windows(values[split:], settings.test_window)

    def train(self, network: nn.Module, seed: int) -> None:
        """All epochs; the order of the windows depends on the seed alone."""
        settings = self._settings
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        rng = np.random.default_rng(seed)
        for _ in range(settings.epochs):
            order = torch.from_numpy(rng.permutation(len(self._train)))
            for batch in self._train[order].split(settings.batch):
                loss = (outputs_of(network, batch[:, :-1]) - batch[:, 1:]).square().mean()
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()

    @torch.no_grad()
    def test_mse(self, network: nn.Module) -> float:
        """The mean square error on the test part."""
        return self._scored(outputs_of(network, self._test[:, :-1]))

    def persistence_mse(self) -> float:
        """The test error of predicting that nothing changes."""
        return self._scored(self._test[:, :-1])

    def _scored(self, said: Tensor) -> float:
        first = self._settings.unscored
        return float((said - self._test[:, 1:])[:, first:].square().mean())


def _windows(values: Tensor, length: int) -> Tensor:
    """All whole windows (N, length + 1, C), each beginning with the last value of the one before:
    what is left at the end is dropped."""
    return values.unfold(0, length + 1, length).transpose(1, 2)
