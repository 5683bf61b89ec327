"""Training steps in a thread of their own, one at a time."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from rclpy.node import Node

from liquid_adapt_ros.adaptation.training_job import TrainingJob


class TrainingThread:
    """See the module's docstring.

    Args:
        node: its executor calls `done`.
        done: gets a job that has run, what is to be said against its result ("": nothing), and
            the wall-clock time that it took [s].
    """

    def __init__(self, node: Node, done: Callable[[TrainingJob, str, float], None]):
        self._node, self._done = node, done
        self._pool = ThreadPoolExecutor(1, "training")
        self._under_way: tuple[TrainingJob, Future[tuple[str, float]]] | None = None
        self._has_run = node.create_guard_condition(self._hand_over)

    @property
    def is_busy(self) -> bool:
        """Whether a job runs, or has run and was not handed over yet."""
        return self._under_way is not None

    def run(self, job: TrainingJob) -> None:
        """Start a job; only where the thread is not busy."""
        self._under_way = job, self._pool.submit(_timed, job)
        self._under_way[1].add_done_callback(lambda _: self._has_run.trigger())

    def drop(self) -> None:
        """Wait for the job that runs, and drop its result."""
        if self._under_way is not None:
            self._under_way[1].exception()
            self._under_way = None

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown()
        self._node.destroy_guard_condition(self._has_run)

    def _hand_over(self) -> None:
        if self._under_way is None or not self._under_way[1].done():
            return
        (job, future), self._under_way = self._under_way, None
        self._done(job, *future.result())


def _timed(job: TrainingJob) -> tuple[str, float]:
    """Run a job: its objection and the wall-clock time it took [s].

    What torch can't do (memory, a lost device) is an objection too: the readout goes on learning.
    """
    started = time.perf_counter()
    try:
        objection = job.run()
    except RuntimeError as error:
        objection = f"training failed: {error}"
    return objection, time.perf_counter() - started
