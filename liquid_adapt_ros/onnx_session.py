"""Opening an ONNX model with ONNX Runtime on the execution provider that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

# Short names for ONNX Runtime's execution providers.
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
# What TensorRT can't build, CUDA runs; ONNX Runtime itself adds the CPU at the end.
_FALLBACKS = {"tensorrt": ["CUDAExecutionProvider"]}


def open_session(
    model: bytes, path: str | Path, provider: str = "cpu"
) -> onnxruntime.InferenceSession:
    """Return a session of one thread for the content of an ONNX file.

    Arguments:
        model: the content.
        path: where it came from, for messages.
        provider: a key of PROVIDERS.

    Raises:
        ValueError: the provider isn't there (the message names those that are) or doesn't start,
            or the content isn't a usable model.
    """
    # Here, so that a process which only knows the names of providers does without its memory.
    import onnxruntime

    wanted = PROVIDERS.get(provider)
    installed = onnxruntime.get_available_providers()
    if wanted not in installed:
        there = ", ".join(name for name, full in PROVIDERS.items() if full in installed)
        raise ValueError(f"ONNX Runtime has no provider {provider!r} here, only {there}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            model, sess_options=options, providers=[wanted, *_FALLBACKS.get(provider, [])]
        )
    except Exception as error:  # ONNX Runtime's exceptions have no common base of their own
        raise ValueError(f"{path} is not a usable ONNX model: {error}") from error
    if wanted not in session.get_providers():
        raise ValueError(
            f"ONNX Runtime could not start provider {provider!r} for {path} (are its libraries "
            f"installed?); what it would run on: {', '.join(session.get_providers())}"
        )
    return session
