"""How far exported files are from torch, on the same inputs."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from liquid_adapt_ros.lnn.torch_network import LiquidNetwork
from liquid_adapt_ros.onnx_session import open_session

# Largest absolute differences that are let through. The network's outputs are in normalised
# units, the embedding's coordinates in metres.
POLICY_LIMIT, ENCODER_LIMIT = 1e-4, 1e-3

Array = NDArray[np.float32]
# Runs a file: inputs by name to the outputs in their order.
Run = Callable[[Mapping[str, Array]], list[Array]]


def onnx_run(content: bytes, name: str) -> Run:
    """Run an ONNX file's content by ONNX Runtime; ValueError where that can't open it."""
    session = open_session(content, name)
    return lambda inputs: session.run(None, dict(inputs))


def package_run(content: bytes) -> Run:
    """Run a torch.export package as it is after loading it; inputs in the order of its own."""
    module = torch.export.load(io.BytesIO(content)).module()

    def run(inputs: Mapping[str, Array]) -> list[Array]:
        with torch.no_grad():
            outputs = module(*(torch.from_numpy(value) for value in inputs.values()))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return [output.numpy() for output in outputs]

    return run


def step_difference(run: Run, network: LiquidNetwork, features: Array, dts_s: Array) -> float:
    """Largest difference of outputs and state over T steps, the file carrying its own state.

    features: (T, F). dts_s: (T,) [s].
    """
    params = network.to_numpy()
    state = np.zeros((1, network.spec.hidden), np.float32)
    outputs = []
    for sample, dt_s in zip(features, dts_s, strict=True):
        inputs = {"hidden_state": state, "features": sample[None], "dt_s": dt_s.reshape(1, 1)}
        output, state = run(inputs | params)
        outputs.append(output[0])
    return _difference(network, features, dts_s, np.array(outputs), state)


def window_difference(run: Run, network: LiquidNetwork, features: Array, dts_s: Array) -> float:
    """Largest difference of outputs and last state over one window of T samples, as above."""
    inputs = {
        "hidden_state": np.zeros((1, network.spec.hidden), np.float32),
        "sequence": features[None],
        "dts_s": dts_s[None],
    }
    outputs, state = run(inputs | network.to_numpy())
    return _difference(network, features, dts_s, outputs[0], state)


def encoder_difference(run: Run, encoder: nn.Module, images: Array, points: Array) -> float:
    """Largest difference of the embeddings of P pictures, given one by one."""
    with torch.no_grad():
        expected = encoder(torch.from_numpy(images), torch.from_numpy(points)).numpy()
    found = [
        run({"image": image[None], "points": cells[None]})[0][0]
        for image, cells in zip(images, points, strict=True)
    ]
    return float(np.abs(np.array(found) - expected).max())


def _difference(
    network: LiquidNetwork, features: Array, dts_s: Array, outputs: Array, state: Array
) -> float:
    with torch.no_grad():
        expected, last_state = network(torch.from_numpy(features)[None], None, dts_s)
    return float(
        max(
            np.abs(outputs - expected[0].numpy()).max(),
            np.abs(state - last_state.numpy()).max(),
        )
    )
