"""Keeping this process to some of the machine's processor cores."""

import os
from collections.abc import Set
from contextlib import suppress
from pathlib import Path


def parse_cores(text: str) -> set[int]:
    """The cores of a list such as 0,2-3; an empty text gives an empty set.

    Raises:
        ValueError: the text is no such list.
    """
    cores: set[int] = set()
    for part in text.split(",") if text else []:
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise ValueError(f"cpu_cores must be a list such as 0,2-3, not {text!r}")
        cores.update(range(int(first), int(last) + 1))
    return cores


def keep_to_cores(wanted: Set[int]) -> set[int]:
    """Bind all threads of this process, and those they start later, to the `wanted` cores.

    Cores that the machine does not have online are left out (a Jetson's power modes switch cores
    off); if none is left, or none is wanted, nothing is bound.

    Returns:
        The wanted cores that are not there.
    """
    online = os.sched_getaffinity(0)
    if usable := wanted & online:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.sched_setaffinity(int(thread.name), usable)
    return set(wanted - online)
