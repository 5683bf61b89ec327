"""Bounded reading of the small text files of sysfs, below any root."""

import os
import re
from pathlib import Path

from liquid_adapt_ros.adaptation.governor.sensor import SensorError

# Far more than a number or a rail's name needs.
MAX_BYTES = 64
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


def find(root: Path, pattern: str) -> list[Path]:
    """Paths below the root that match a glob pattern, sorted; none where they can't be listed."""
    try:
        return sorted(root.glob(pattern))
    except OSError:
        return []


def read_text(path: Path) -> str:
    """Return what a small text file holds, without blanks around it.

    It is opened without waiting, so that a thermal zone that is switched off (EAGAIN on a Jetson
    Orin Nano: node_exporter issue 3071) or a pipe in its place does not hold the caller up.

    Raises:
        SensorError: it can't be read or is longer than MAX_BYTES.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            content = os.read(file, MAX_BYTES + 1)
        finally:
            os.close(file)
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise SensorError(f"{path}: longer than {MAX_BYTES} bytes")
    return content.strip().decode("ascii", "replace")


def read_integer(path: Path, low: int, high: int) -> int:
    """Return the whole number that a file holds.

    Raises:
        SensorError: it can't be read, is no whole number, or is not in low to high.
    """
    text = read_text(path)
    if not _INTEGER.fullmatch(text):
        raise SensorError(f"{path}: {text!r} is not a whole number")
    value = int(text)
    if not low <= value <= high:
        raise SensorError(f"{path}: {value} is not in {low} to {high}")
    return value
