"""What the trainer has learned, on disk: written now and then, found again at the next start."""

import os
from pathlib import Path

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_state import engine_state, restore_engine, state_shapes
from liquid_adapt_ros.share import PACKAGE
from liquid_adapt_ros.weights.checkpoint_file import CheckpointFile
from liquid_adapt_ros.weights.codec import WeightFormatError


def checkpoint_path(parameter: str, namespace: str) -> Path:
    """The file that a value of `checkpoint_file` means for a node in this namespace.

    An absolute path is that file; a leading ~ is the user's home. A relative one lies in
    ROS_HOME (~/.ros) under liquid_adapt_ros and the namespace, so that robots which share a
    parameter file do not share what they learn.
    """
    home = Path(os.environ.get("ROS_HOME", "~/.ros")).expanduser()
    return home / PACKAGE / namespace.strip("/") / Path(parameter).expanduser()


class LearnerCheckpoint:
    """The checkpoint of one model's engine, which no other process uses until `release`.

    Args:
        parameter, namespace: see checkpoint_path; an empty parameter: nothing is kept.
        model_sha256: of the model file; what was learned on other weights does not fit.

    Raises ValueError where another process uses the file.
    """

    def __init__(self, parameter: str, namespace: str, model_sha256: str) -> None:
        self._model_sha256 = model_sha256
        self._file: CheckpointFile | None = None
        if not parameter:
            return
        self._file = CheckpointFile(checkpoint_path(parameter, namespace))
        try:
            self._file.claim()
        except BlockingIOError as error:
            raise ValueError(
                f"checkpoint_file: another process uses {self._file.path}; give each trainer a "
                "file of its own, or a relative path and a namespace of its own"
            ) from error
        except OSError:
            pass  # Learning goes on where nothing can be written; each `save` says so.

    @property
    def is_kept(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    def release(self) -> None:
        """Let another process use the file."""
        if self._file is not None:
            self._file.release()

    def save(self, engine: AdaptationEngine) -> Path:
        """Write the file. Raises ValueError where none is kept, OSError."""
        if self._file is None:
            raise ValueError("checkpoint_file is empty: nothing is kept")
        tensors, description = engine_state(engine)
        self._file.save(tensors, {**description, "model_sha256": self._model_sha256})
        return self._file.path

    def restore(self, engine: AdaptationEngine) -> str:
        """Go on from the file; returns what came of it in words, empty where there is none.

        A file that is broken or of another model is left alone and named.
        """
        if self._file is None:
            return ""

        def shapes(description):  # noqa: ANN001, ANN202
            if description.get("model_sha256") != self._model_sha256:
                raise ValueError("it was learned on another model file")
            return state_shapes(engine, description)

        try:
            found = self._file.load(shapes)
        except WeightFormatError as error:
            return f"not restored: {error}"
        if found is None:
            return ""
        restore_engine(engine, *found)
        return "restored"
