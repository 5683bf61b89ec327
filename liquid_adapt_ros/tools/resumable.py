"""How a command ends that is cut off and goes on when it is called again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

_EXIT_INTERRUPTED = 130  # as a shell has it


@contextmanager
def resumable(console: Console) -> Iterator[None]:
    """Around work that is resumable: at Ctrl-C it says so and raises SystemExit.

    Also where a shell in the background would have Ctrl-C ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here")
        raise SystemExit(_EXIT_INTERRUPTED) from None
