"""Stages that are done once: skipped while their inputs are the same, resumed when cut off."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import liquid_adapt_ros
from liquid_adapt_ros.weights.atomic_file import write_atomically
from liquid_adapt_ros.weights.fingerprint import canonical_json

MARKER = "done.json"
INPUTS = "inputs.json"


def source_hash(*rooms: str) -> str:
    """Hex sha256 of the Python sources below these paths of the package ("sim", "fusion/…py")."""
    root = Path(liquid_adapt_ros.__file__).parent
    digest = hashlib.sha256()
    for room in rooms:
        path = root / room
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(str(file.relative_to(root)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Stage:
    """A folder of artefacts made from inputs.

    Attributes:
        folder: where the artefacts lie; a folder left over from other inputs is emptied.
        inputs: JSON values that decide the result: settings, seeds, hashes of sources and of
            earlier stages.
    """

    folder: Path
    inputs: dict[str, Any]

    @property
    def key(self) -> str:
        """Hex sha256 of the inputs, what a later stage names as its own input."""
        return hashlib.sha256(canonical_json(self.inputs)).hexdigest()

    def run(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do the work unless it was done with these inputs; returns its result (JSON values).

        The work may leave partial artefacts in the folder and find them there when it is run
        again with the same inputs. The result also gets "wall_s", summed over the runs it took.
        """
        if self._recorded(MARKER, "key") == self.key:
            return json.loads((self.folder / MARKER).read_text())["result"]
        if self._recorded(INPUTS, "key") != self.key:
            if self.folder.exists():
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True)
            self._note_spent({"wall_s": 0.0})
        started = time.monotonic()
        try:
            result = work()
        finally:
            before = self._recorded(INPUTS, "spent")
            spent = {"wall_s": before["wall_s"] + time.monotonic() - started}
            self._note_spent(spent)
        result = {**result, **spent}
        self._write(MARKER, {"key": self.key, "result": result})
        return result

    def _note_spent(self, spent: dict[str, float]) -> None:
        self._write(INPUTS, {"key": self.key, "inputs": self.inputs, "spent": spent})

    def _recorded(self, name: str, field: str) -> Any:
        path = self.folder / name
        return json.loads(path.read_text())[field] if path.exists() else None

    def _write(self, name: str, values: dict[str, Any]) -> None:
        write_atomically(self.folder / name, json.dumps(values, indent=1).encode())


def save_folder_atomically(folder: Path, write: Callable[[Path], None]) -> None:
    """Make a folder whole or not at all: `write` fills a temporary one, which is then renamed."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(partial)
    os.replace(partial, folder)
