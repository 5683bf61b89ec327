"""What the trainer has learned, on disk: written now and then, found again at the next start."""

from pathlib import Path

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_state import engine_state, restore_engine, state_shapes
from liquid_adapt_ros.weights.checkpoint_file import CheckpointFile
from liquid_adapt_ros.weights.codec import WeightFormatError


class LearnerCheckpoint:
    """The checkpoint of one model's engine.

    Args:
        path: of the file; a leading ~ is the user's home. Empty: nothing is kept.
        fingerprint: of the model; a checkpoint of another one does not fit.
    """

    def __init__(self, path: str, fingerprint: str) -> None:
        self._file = CheckpointFile(Path(path).expanduser()) if path else None
        self._fingerprint = fingerprint

    @property
    def is_kept(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    def save(self, engine: AdaptationEngine) -> Path:
        """Write the file. Raises ValueError where none is kept, OSError."""
        if self._file is None:
            raise ValueError("checkpoint_file is empty: nothing is kept")
        tensors, description = engine_state(engine)
        self._file.save(tensors, {**description, "fingerprint": self._fingerprint})
        return self._file.path

    def restore(self, engine: AdaptationEngine) -> str:
        """Go on from the file; returns what came of it in words, empty where there is none.

        A file that is broken or of another model is left alone and named.
        """
        if self._file is None:
            return ""

        def shapes(description):  # noqa: ANN001, ANN202
            if description.get("fingerprint") != self._fingerprint:
                raise ValueError(f"it is of model {str(description.get('fingerprint'))[:12]!r}")
            return state_shapes(engine, description)

        try:
            found = self._file.load(shapes)
        except WeightFormatError as error:
            return f"not restored: {error}"
        if found is None:
            return ""
        restore_engine(engine, *found)
        return "restored"
