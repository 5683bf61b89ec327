"""A stand-in for Gazebo's command line, which is not installed here: notes its calls, says yes."""

import json
import os
from pathlib import Path

SCRIPT = """#!/bin/sh
{python} -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@" >> {log}
{ending}
"""
YES = "echo 'data: true'"
NO = "echo 'data: false'"
FAILURE = "echo 'Service call timed out' >&2; exit 1"


class FakeCommandLine:
    """The program `name` in a folder of its own, which must be put on the PATH."""

    def __init__(self, folder: Path, name: str, ending: str = YES) -> None:
        self._log = folder / "calls.jsonl"
        program = folder / name
        program.write_text(SCRIPT.format(python="python3", log=self._log, ending=ending))
        program.chmod(0o755)
        self.path = f"{folder}{os.pathsep}{os.environ['PATH']}"

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each call so far."""
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text().splitlines()]
