"""Independent jobs in a few processes, results as they come."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Result = TypeVar("Result")


def in_processes(jobs: Sequence[Callable[[], Result]], workers: int) -> Iterator[Result]:
    """Yield the results of the jobs (picklable, without arguments) in the order they end.

    Processes are spawned: a fork of a process with torch's or ONNX Runtime's threads may hang.
    Where a job fails, the ones not begun are given up and its exception is raised. Ctrl-C ends the
    processes at once, without a word, and so does the end of the one that calls this.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin_worker) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
