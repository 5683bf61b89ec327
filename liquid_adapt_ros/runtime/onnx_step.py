"""The network one sample at a time by ONNX Runtime, from the file that export_model wrote.

The file has the equations; the weights are inputs, bound once for each set of them.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.onnx_session import open_session
from liquid_adapt_ros.weights.model_file import METADATA_NAME

# How export_model names what is not a weight.
INPUTS = ("hidden_state", "features", "dt_s")
OUTPUTS = ("outputs", "next_hidden_state")


class ExportedStep:
    """An exported step, opened once; `with_weights` gives what StreamingPolicy runs.

    path: the file. spec, fingerprint: the model's, which the file must be of. provider: a key of
    onnx_session.PROVIDERS. Raises ValueError where the file or the provider won't do, OSError
    where it can't be read.
    """

    def __init__(
        self, path: Path | str, spec: PolicySpec, fingerprint: str, provider: str = "cpu"
    ) -> None:
        self._spec = spec
        self._session = open_session(Path(path).read_bytes(), path, provider)
        found = _fingerprint(self._session)
        if found != fingerprint:
            raise ValueError(f"{path} was exported from model {found!r}, not {fingerprint!r}")
        inputs = {node.name for node in self._session.get_inputs()}
        outputs = {node.name for node in self._session.get_outputs()}
        if inputs != {*INPUTS, *spec.shapes()} or outputs != {*OUTPUTS}:
            raise ValueError(
                f"{path} has inputs {sorted(inputs)} and outputs {sorted(outputs)}, which are not "
                "those of the step of a policy"
            )

    def with_weights(self, params: Mapping[str, np.ndarray]) -> "OnnxStep":
        """Return the step with these weights (float32); ValueError where they do not fit."""
        self._spec.network.check_params(params)
        return OnnxStep(self._session, self._spec, params)


class OnnxStep:
    """As lnn.streaming.StreamingStep, by ONNX Runtime. Made by ExportedStep.with_weights."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        spec: PolicySpec,
        params: Mapping[str, np.ndarray],
    ) -> None:
        self._session = session
        self._binding = session.io_binding()
        for name, value in params.items():
            # Copied, and on a GPU also moved there, now: not again in each step.
            owned = np.array(value, np.float32)
            self._binding.bind_ortvalue_input(
                name, onnxruntime.OrtValue.ortvalue_from_numpy(owned)
            )
        self._outputs = np.empty((1, spec.outputs), np.float32)
        self._next_state = np.empty((1, spec.hidden), np.float32)
        for name, array in zip(OUTPUTS, (self._outputs, self._next_state), strict=True):
            self._binding.bind_ortvalue_output(
                name, onnxruntime.OrtValue.ortvalue_from_numpy(array)
            )
        self._state = np.empty((1, spec.hidden), np.float32)
        self._features = np.empty((1, spec.features), np.float32)
        self._dt_s = np.empty((1, 1), np.float32)

    def __call__(
        self, hidden_state: np.ndarray, features: np.ndarray, dt_s: float, steps: int = 1
    ) -> tuple[np.ndarray, bool]:
        """Advance hidden_state (H,), in place, by dt_s [s] in `steps` equal parts.

        features: (F,), held over dt_s. Returns the outputs (O,), an array that the next call uses
        again, and whether all new numbers are finite; where not, hidden_state stays as it was.
        """
        self._features[0] = features
        self._state[0] = hidden_state
        self._dt_s[0, 0] = dt_s / steps
        bind = self._binding.bind_cpu_input
        bind(INPUTS[1], self._features)
        bind(INPUTS[2], self._dt_s)
        for _ in range(steps):
            bind(INPUTS[0], self._state)
            self._session.run_with_iobinding(self._binding)
            self._state[:] = self._next_state
        finite = bool(np.isfinite(self._state).all() and np.isfinite(self._outputs).all())
        if finite:
            hidden_state[:] = self._state[0]
        return self._outputs[0], finite


def _fingerprint(session: onnxruntime.InferenceSession) -> str:
    """The fingerprint in the file's metadata; empty where there is none."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_NAME, "{}")
    try:
        return str(json.loads(text)["fingerprint"])
    except (ValueError, KeyError, TypeError):
        return ""
