"""What an engine has learned, as tensors and JSON values that a checkpoint can hold.

Kept are the network, the estimates of the readout with their information matrices and how far
each is trusted, the optimiser's moments and the replay store. Windows of the stream are not: they
are of the moment. The Fisher information and the nominal set belong to the shipped model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.engine import AdaptationEngine

Tensors = dict[str, NDArray[np.float32]]
_VERSION = 1


def engine_state(engine: AdaptationEngine) -> tuple[Tensors, dict[str, Any]]:
    """Everything the engine has learned."""
    tensors = {f"network.{name}": value for name, value in engine.network.items()}
    description: dict[str, Any] = {"version": _VERSION}
    readout_tensors, description["groups"] = engine.readout.state()
    tensors |= {f"readout.{name}": value for name, value in readout_tensors.items()}
    moment = engine.observed_moment
    tensors["moment"], description["observed"] = moment.mean, moment.samples
    description["training"] = None
    if engine.training is not None:
        training_tensors, description["training"] = engine.training.state()
        tensors |= {f"training.{name}": value for name, value in training_tensors.items()}
    return {name: np.asarray(value, np.float32) for name, value in tensors.items()}, description


def state_shapes(
    engine: AdaptationEngine, description: Mapping[str, Any]
) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a state that fits this engine.

    Raises ValueError where the description does not fit it.
    """
    if description.get("version") != _VERSION:
        raise ValueError(f"version {description.get('version')!r}, expected {_VERSION}")
    shapes = {f"network.{name}": shape for name, shape in engine.spec.shapes().items()}
    readout = engine.readout.state_shapes(description.get("groups"))
    shapes |= {f"readout.{name}": shape for name, shape in readout.items()}
    shapes["moment"] = engine.observed_moment.mean.shape
    if not (isinstance(description.get("observed"), float) and description["observed"] >= 0.0):
        raise ValueError(f"observed = {description.get('observed')!r}: must be a number >= 0")
    training = description.get("training")
    if (training is None) != (engine.training is None):
        raise ValueError("training of the network is on in one of state and engine only")
    if engine.training is not None:
        extra = engine.training.state_shapes(training)
        shapes |= {f"training.{name}": shape for name, shape in extra.items()}
    return shapes


def restore_engine(
    engine: AdaptationEngine, tensors: Tensors, description: Mapping[str, Any]
) -> None:
    """Go on from a state; the tensors have the shapes that `state_shapes` says."""
    engine.use_network(_part(tensors, "network."))
    engine.observed_moment.restart(tensors["moment"], description["observed"])
    engine.readout.restore(engine.anchor(), _part(tensors, "readout."), description["groups"])
    if engine.training is not None:
        engine.training.restore(_part(tensors, "training."), description["training"])
    engine.solve_readout()


def _part(tensors: Tensors, prefix: str) -> Tensors:
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }
