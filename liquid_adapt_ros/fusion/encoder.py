"""The camera encoder, an ONNX model run by ONNX Runtime in a thread of its own."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.encoder_identity import trained_bytes
from liquid_adapt_ros.onnx_session import open_session


class OnnxEncoder:
    """Runs the encoder: (4, 96, 128) image and (4, 24, 32) points to an embedding (E,).

    `sha256` is that of the file as it was trained, also for a copy that export_model wrote.

    Arguments:
        path: the ONNX file, with inputs `image` and `points` (batch first) and one output.
        provider: a key of onnx_session.PROVIDERS.

    Raises:
        ValueError: the file isn't such an encoder, or the provider isn't there.
        OSError: the file can't be read.
    """

    def __init__(self, path: str | Path, provider: str = "cpu") -> None:
        content = Path(path).read_bytes()
        self._session = open_session(content, path, provider)
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            self.sha256 = hashlib.sha256(trained_bytes(content, metadata)).hexdigest()
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        inputs = sorted(node.name for node in self._session.get_inputs())
        outputs = self._session.get_outputs()
        if inputs != ["image", "points"] or len(outputs) != 1:
            raise ValueError(f"{path} has inputs {inputs}, not image and points")
        self.size = int(outputs[0].shape[-1])

    def encode(
        self, image: NDArray[np.float32], points: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the embedding (E,) of one picture (see `preprocess`).

        Raises:
            ValueError: the model can't be run on this input, or the embedding isn't finite.
        """
        inputs = {"image": image[None], "points": points[None]}
        try:
            (embedding,) = self._session.run(None, inputs)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ValueError(f"ONNX Runtime: {error}") from error
        if not np.isfinite(embedding).all():
            raise ValueError("the embedding is not finite")
        return embedding[0]


class LatestWorker:
    """Runs `work` in one thread on the newest item only.

    An item handed in while another is being worked on waits in the only slot; a newer one takes
    its place. The caller is never held up.

    Arguments:
        work: called with each item, in the thread.
        name: the thread's name.
    """

    def __init__(self, work: Callable[[Any], Any], name: str) -> None:
        self._work = work
        self._lock = threading.Condition()
        self._pending: Any = None
        self._result: Any = None
        self._error: Exception | None = None
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Any) -> bool:
        """Hand in an item (not None); returns True if it took the place of one not yet begun."""
        with self._lock:
            replaced = self._pending is not None
            self._pending = item
            self._lock.notify()
            return replaced

    def take(self) -> Any:
        """Return the newest result since the last call, or None.

        Raises:
            Exception: what `work` raised since the last call.
        """
        with self._lock:
            result, self._result = self._result, None
            error, self._error = self._error, None
        if error is not None:
            raise error
        return result

    def stop(self) -> None:
        """End the thread after the item that it works on."""
        with self._lock:
            self._is_stopping = True
            self._lock.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._pending is not None or self._is_stopping)
                if self._is_stopping:
                    return
                item, self._pending = self._pending, None
            try:
                result, error = self._work(item), None
            except Exception as caught:  # handed over to the caller of take()
                result, error = None, caught
            with self._lock:
                self._result = self._result if result is None else result
                self._error = self._error or error
