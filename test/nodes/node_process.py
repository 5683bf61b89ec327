"""Running nodes as real processes and talking to them over real topics."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from liquid_adapt_ros.nodes import qos

START_TIMEOUT_S = 20.0


class NodeProcess:
    """One node of the package in a process of its own; stopped by SIGINT at the end."""

    def __init__(self, executable: str, parameters: dict[str, Any], log: Path) -> None:
        command = [sys.executable, "-m", f"liquid_adapt_ros.nodes.{executable}", "--ros-args"]
        for name, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ["-p", f"{name}:={text}"]
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process.poll() is None

    def log(self) -> str:
        """What the process wrote so far."""
        return self._log.read_text()

    def cpu_s(self) -> float:
        """CPU time used so far by all threads [s]."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def has_mapped(self, name: str) -> bool:
        """Whether a file whose path contains `name` is mapped into the process."""
        return name in Path(f"/proc/{self.pid}/maps").read_text()

    def stop(self, number: int = signal.SIGINT, timeout_s: float = 10.0) -> int:
        """Send a signal and return the exit code."""
        if self.is_running:
            self._process.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = START_TIMEOUT_S) -> int:
        """Wait for the end and return the exit code."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise


class Probe(Node):
    """The test's own node: publishes, records what it receives, waits for conditions."""

    def __init__(self) -> None:
        super().__init__("probe")
        self._executor_of_probe = SingleThreadedExecutor()
        self._executor_of_probe.add_node(self)
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_status, qos.REPORT)

    def record(self, message_type: Any, topic: str, profile: Any) -> list[Any]:
        """Subscribe; returns the list that messages are appended to."""
        received: list[Any] = []
        self.create_subscription(message_type, topic, received.append, profile)
        return received

    def spin_for(self, duration_s: float) -> None:
        """Serve callbacks for a time."""
        self.spin_until(lambda: False, duration_s)

    def spin_until(self, condition: Callable[[], Any], timeout_s: float) -> bool:
        """Serve callbacks until `condition()` is true; returns whether it became so."""
        end = time.monotonic() + timeout_s
        while not condition():
            left = end - time.monotonic()
            if left <= 0.0:
                return False
            self._executor_of_probe.spin_once(timeout_sec=min(left, 0.02))
        return True

    def count(self, node: str, problem: str) -> int:
        """How often `node` has counted `problem` according to /diagnostics."""
        status = self.statuses.get(f"/{node}", DiagnosticStatus())
        return next((int(v.value) for v in status.values if v.key == problem), 0)

    def message(self, node: str) -> str:
        """The newest status message of `node`."""
        return self.statuses.get(f"/{node}", DiagnosticStatus()).message

    def _on_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = status


@contextmanager
def ros_probe(domain_id: int) -> Iterator[Probe]:
    """A probe in a ROS domain of its own, which processes started meanwhile share."""
    os.environ["ROS_DOMAIN_ID"] = str(domain_id)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    rclpy.init(domain_id=domain_id)
    probe = Probe()
    try:
        yield probe
    finally:
        probe.destroy_node()
        rclpy.shutdown()
