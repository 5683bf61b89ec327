"""Gazebo's own parser, as its command line offers it: `ign` (Fortress) or `gz` (Harmonic)."""

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest


def _command() -> str | None:
    """The program whose `sdf` there is, or None."""
    for program in filter(None, map(shutil.which, ("gz", "ign"))):
        tried = subprocess.run(
            [program, "sdf", "--versions"], capture_output=True, text=True, timeout=60
        )
        if tried.returncode == 0 and tried.stdout.strip():
            return program
    return None


COMMAND = _command()
needs_parser = pytest.mark.skipif(
    COMMAND is None,
    reason="neither `gz sdf` nor `ign sdf` is here (Debian: ignition-tools libsdformat-dev)",
)


def parser_complaints(file: Path) -> str:
    """What the parser objects to in an SDF or URDF file; empty if nothing."""
    done = _run("-k", file)
    return "" if done.returncode == 0 and "Valid." in done.stdout else done.stdout + done.stderr


def as_sdf(file: Path) -> ElementTree.Element:
    """The file as the parser understands it."""
    done = _run("-p", file)
    return ElementTree.fromstring(done.stdout[done.stdout.index("<sdf") :])


def _run(option: str, file: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [COMMAND, "sdf", option, str(file)], capture_output=True, text=True, timeout=60
    )
