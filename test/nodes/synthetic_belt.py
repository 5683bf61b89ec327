"""A belt without a simulator: features that follow an object, and a detector whose reports shift.

The policy is a random network whose readout was fitted to the unshifted belt in closed form, so
that it predicts well from the start and tests need no training of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from problems import neutral_norm

from liquid_adapt_ros.lnn import LiquidNetwork, initial_params
from liquid_adapt_ros.lnn.spec import FeatureLayout, PolicySpec
from liquid_adapt_ros.weights.model_file import ModelFile

STEP_NS = 10_000_000
DETECTION_TICKS = 5
LATENCY_TICKS = 5
SPEC = PolicySpec(inputs=FeatureLayout(embedding=9, imu=6, joints=6), hidden=16, head=24)
FIRST_X, LAST_X = -0.60, 0.30
CENTRE = np.array([-0.15, 0.55, 0.42])
# What the detector reports after the change: this much elsewhere, and stretched about the centre.
SHIFT_M = np.array([0.05, -0.03, 0.02])
STRETCH = 0.08


@dataclass(frozen=True)
class Tick:
    """What happens in one tick; stamps in nanoseconds.

    detection: (stamp, position) of a report that arrives now, if one does.
    """

    stamp_ns: int
    features: np.ndarray
    detection: tuple[int, np.ndarray] | None


def belt(seconds: float, seed: int, shift_from_s: float = np.inf) -> Iterator[Tick]:
    """Objects pass one after the other at 0.2 m/s; reports are shifted from `shift_from_s` on."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(SPEC.inputs.embedding, 3))
    x, lateral = FIRST_X, 0.0
    reports: dict[int, tuple[int, np.ndarray]] = {}
    for tick in range(round(seconds * 100)):
        x += 0.002
        if x > LAST_X:
            x, lateral = FIRST_X, rng.uniform(-0.1, 0.1)
        position = np.array([x, 0.55 + lateral, 0.42])
        features = rng.normal(0, 0.1, SPEC.features)
        features[: SPEC.inputs.embedding] *= 0.1
        features[: SPEC.inputs.embedding] += mixing @ (position - CENTRE) / 0.25
        if tick % DETECTION_TICKS == 0:
            shifted = tick >= shift_from_s * 100
            seen = position + shifted * (SHIFT_M + STRETCH * (position - CENTRE))
            reports[tick + LATENCY_TICKS] = tick * STEP_NS, seen + rng.normal(0, 0.002, 3)
        yield Tick(tick * STEP_NS, features.astype(np.float32), reports.pop(tick, None))


def fitted_model() -> ModelFile:
    """A model that predicts the unshifted belt; its actions are near zero."""
    params, norm = initial_params(SPEC.network, np.random.default_rng(1)), neutral_norm(SPEC)
    position = SPEC.layout.slices()["position"]
    norm["norm.output_mean"][position] = CENTRE
    norm["norm.output_scale"][position] = 0.25
    features = np.stack([tick.features for tick in belt(60.0, seed=2)])
    ahead = round(SPEC.horizon_s * 100)
    mixing = np.random.default_rng(0).normal(size=(SPEC.inputs.embedding, 3))
    seen = features[:, : SPEC.inputs.embedding] @ np.linalg.pinv(mixing).T
    same = seen[ahead:, 0] > seen[:-ahead, 0]  # no other object came in between
    network, sequence = LiquidNetwork(SPEC.network, params), torch.from_numpy(features)[None]
    with torch.no_grad():
        phi = network.phi(network.core.unroll(None, sequence)[0], sequence)[0].numpy()
    phi = phi[:-ahead][same]
    phi = np.column_stack([phi, np.ones(len(phi))]).astype(np.float64)
    ridge = 1e-2 * np.eye(phi.shape[1])
    weights = np.linalg.solve(phi.T @ phi + ridge, phi.T @ seen[ahead:][same]).T
    for name in ("readout.weight", "readout.bias"):
        params[name][:] *= 0.01
    params["readout.weight"][position] = weights[:, :-1]
    params["readout.bias"][position] = weights[:, -1]
    return ModelFile(SPEC.to_dict(), params, norm, encoder_sha256="0" * 64)


def write_fitted_model(folder: Path) -> tuple[Path, ModelFile]:
    """Save the fitted model; returns its path and content."""
    path, model = folder / "fitted.safetensors", fitted_model()
    model.save(path)
    return path, model
