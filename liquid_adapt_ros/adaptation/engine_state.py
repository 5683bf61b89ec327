"""What an engine has learned, as tensors and JSON values that a checkpoint can hold.

Kept are the trained network, the estimates of both readouts with their information matrices and
how far each is trusted, which network flies, the optimiser's moments, the Fisher information and
the replay store. Windows of the stream are not: they are of the moment. The nominal set belongs to
the shipped model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.engine import AdaptationEngine

Tensors = dict[str, NDArray[np.float32]]
_VERSION = 9


def engine_state(engine: AdaptationEngine) -> tuple[Tensors, dict[str, Any]]:
    """Everything the engine has learned."""
    tensors: dict[str, NDArray] = {}
    description: dict[str, Any] = {"version": _VERSION, "flies": engine.flies, "networks": []}
    for place, network in enumerate(engine.networks):
        readout, groups = network.readout.state()
        tensors |= {f"{place}.readout.{name}": value for name, value in readout.items()}
        moment = network.observed_moment
        tensors[f"{place}.moment"] = moment.mean
        description["networks"].append({"groups": groups, "observed": moment.samples})
    description["training"] = None
    if engine.training is not None:
        trained = engine.networks[-1].network
        tensors |= {f"network.{name}": value for name, value in trained.items()}
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
    networks = description.get("networks")
    if not isinstance(networks, list) or len(networks) != len(engine.networks):
        raise ValueError(f"networks = {networks!r}: must be {len(engine.networks)} in number")
    flies = description.get("flies")
    if type(flies) is not int or not 0 <= flies <= len(networks):
        raise ValueError(f"flies = {flies!r}: must be one of 0 to {len(networks)}")
    shapes = {}
    for place, (network, state) in enumerate(zip(engine.networks, networks, strict=True)):
        if not isinstance(state, dict):
            raise ValueError(f"networks[{place}] = {state!r}: must be an object")
        readout = network.readout.state_shapes(state.get("groups"))
        shapes |= {f"{place}.readout.{name}": shape for name, shape in readout.items()}
        shapes[f"{place}.moment"] = network.observed_moment.mean.shape
        observed = state.get("observed")
        if not (isinstance(observed, float) and 0.0 <= observed < math.inf):
            raise ValueError(f"observed = {observed!r}: must be a number >= 0")
    training = description.get("training")
    if (training is None) != (engine.training is None):
        raise ValueError("training of the network is on in one of state and engine only")
    if engine.training is not None:
        shapes |= {f"network.{name}": shape for name, shape in engine.spec.shapes().items()}
        extra = engine.training.state_shapes(training)
        shapes |= {f"training.{name}": shape for name, shape in extra.items()}
    return shapes


def restore_engine(
    engine: AdaptationEngine, tensors: Tensors, description: Mapping[str, Any]
) -> None:
    """Go on from a state. The network's hidden state is not in it: a stream that goes on settles.

    Raises ValueError, and changes nothing, where the state does not fit the engine or a number in
    it is not finite.
    """
    for name, shape in state_shapes(engine, description).items():
        if name not in tensors:
            raise ValueError(f"tensor {name} is missing")
        if np.shape(tensors[name]) != shape:
            raise ValueError(f"tensor {name} is {np.shape(tensors[name])}, expected {shape}")
        if not np.isfinite(tensors[name]).all():
            raise ValueError(f"tensor {name} is not finite")
    if engine.training is not None:
        engine.networks[-1].use(_part(tensors, "network."))
        engine.training.restore(_part(tensors, "training."), description["training"])
    for place, (network, state) in enumerate(
        zip(engine.networks, description["networks"], strict=True)
    ):
        network.observed_moment.restart(tensors[f"{place}.moment"], state["observed"])
        network.readout.restore(
            network.anchor, _part(tensors, f"{place}.readout."), state["groups"]
        )
    engine.resume(description["flies"])


def _part(tensors: Tensors, prefix: str) -> Tensors:
    return {
        name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)
    }
