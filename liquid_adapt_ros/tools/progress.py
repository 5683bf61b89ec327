"""How long work says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich import progress
from rich.console import Console


class Update(Protocol):
    """What is told how much of how much is done, and what else there is to say of it."""

    def __call__(self, done: int, total: int, text: str = "") -> None: ...


Progress = Callable[[str], AbstractContextManager[Update]]  # opens a bar with this title


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Update]:
    """A bar with this title; where nobody sees a bar move, as in a file, also a line for every
    tenth of the work."""
    columns = (
        progress.TextColumn("{task.description:20}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[text]}"),
    )
    told = 0
    with progress.Progress(*columns, console=console) as bars:
        task = bars.add_task(title, total=None, text="")

        def update(done: int, total: int, text: str = "") -> None:
            nonlocal told
            bars.update(task, completed=done, total=total, text=text)
            tenths = 10 * done // max(total, 1)
            if tenths > told and not console.is_terminal:
                console.print(f"{title}: {done} of {total} {text}".rstrip(), highlight=False)
            told = tenths

        yield update
