"""Work that begins alike and is begun once: each of its ends goes on in a copy of the process."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterable


def in_branches(ends: Iterable[Callable[[], None]]) -> None:
    """Run each, one after the other, from the state that this process is in now.

    What an end leaves behind is what it writes to files; nothing of it is seen here or by the
    ends after it. Only for a process whose work runs in this thread alone: a copy has no other.

    Raises RuntimeError where one fails, which has said why.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    for end in ends:
        child = os.fork()
        if child == 0:
            _run_and_exit(end)
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"{end} failed with status {status}: what it said is above")


def _run_and_exit(end: Callable[[], None]) -> None:
    """No more than this: what the copied process would do at its exit is not this copy's to do."""
    status = 1
    try:
        end()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
