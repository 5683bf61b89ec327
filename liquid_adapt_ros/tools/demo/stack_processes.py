"""Starting the nodes as processes, seeing them die, and ending every one of them."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil

from liquid_adapt_ros.tools.stack import ENVIRONMENT, StackNode, node_command

# What a node may take to end after each signal [s].
_PATIENCE_S = ((signal.SIGINT, 5.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))


@dataclass
class NodeProcess:
    """One node's process and the file that holds what it printed."""

    node: StackNode
    process: subprocess.Popen
    log: Path

    def cpu_s(self) -> float:
        """Processor time it has used so far [s]; 0 once it has ended."""
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def last_words(self, lines: int = 12) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class StackProcesses:
    """The running nodes; leaving the context ends them all.

    Each has a process group of its own, so that Ctrl-C in the terminal reaches only the demo,
    which then ends them in order.

    Args:
        log_folder: where each node's output goes, as NAME.log.
        environment: environment variables to add.
    """

    def __init__(self, log_folder: Path, environment: Mapping[str, str]):
        self.log_folder = log_folder
        own = {"PYTHONUNBUFFERED": "1"}
        self._environment = {**os.environ, **ENVIRONMENT, **environment, **own}
        self._running: list[NodeProcess] = []
        log_folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "StackProcesses":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(
        self, node: StackNode, parameters: Path, overrides: Mapping[str, object] | None = None
    ) -> None:
        """Start one node (see `stack.node_command`)."""
        log = self.log_folder / f"{node.name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                node_command(node, parameters, overrides),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        self._running.append(NodeProcess(node, process, log))

    def ended(self) -> list[NodeProcess]:
        """Nodes that have ended though nobody asked them to."""
        return [running for running in self._running if running.process.poll() is not None]

    def cpu_s(self) -> dict[str, float]:
        """Processor time of each node so far [s]."""
        return {running.node.name: running.cpu_s() for running in self._running}

    def stop(self) -> None:
        """End every process: SIGINT, then SIGTERM, then SIGKILL, each to the process by its id."""
        for number, patience_s in _PATIENCE_S:
            alive = [r.process for r in self._running if r.process.poll() is None]
            for process in alive:
                process.send_signal(number)
            deadline = time.monotonic() + patience_s
            for process in alive:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        self._running.clear()
