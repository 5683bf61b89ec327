"""Fixtures for every test. Run them with `make test`, or `scripts/ros_env pytest test/...`.

Call pytest, not `python -m pytest`: the latter puts the repository root on sys.path, where the
source folder would come before the package that was built and installed.

    ros_domain   The ROS domain id (int) of this test module: one that nobody else on this machine
                 takes part in, set in the environment together with discovery on this host only.
                 Every module has it without asking, so what a test starts inherits it.
    start_node   start_node("sensor_fusion", {"rate_hz": 50.0}, namespace="left") runs an installed
                 executable of the package as a process and returns a RunningNode:
                 wait_for_output(text), output(), stop() -> exit code, wait() -> exit code, process
                 (with its pid). What still runs at the end of the test is stopped: SIGINT first, a
                 kill when that is not enough.
    exported_model
                 The shipped model as export_model writes it, once for all tests: an ExportedModel
                 with `folder` and `output`.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

# Tests run several processes on few cores: each keeps to one thread. Set before numpy is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


@pytest.fixture(scope="module", autouse=True)
def ros_domain() -> Iterator[int]:
    """See the top of this file."""
    from liquid_adapt_ros.tools.demo.domain import domain_environment, free_domain

    with free_domain() as domain, pytest.MonkeyPatch.context() as patch:
        for name, value in domain_environment(domain).items():
            patch.setenv(name, value)
        yield domain


def executable_path(name: str) -> Path:
    """Where an executable of the installed package is."""
    from ament_index_python.packages import get_package_prefix

    return Path(get_package_prefix("liquid_adapt_ros")) / "lib" / "liquid_adapt_ros" / name


@dataclass(frozen=True)
class ExportedModel:
    """What export_model wrote for the shipped model, and what it printed."""

    folder: Path
    output: str


@pytest.fixture(scope="session")
def exported_model(tmp_path_factory: pytest.TempPathFactory) -> ExportedModel:
    """See the top of this file."""
    folder = tmp_path_factory.mktemp("exported")
    command = [str(executable_path("export_model")), "--out", str(folder), "--seconds", "1.5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return ExportedModel(folder, done.stdout)


class RunningNode:
    """One executable of the package, running, with its output (stdout and stderr) collected."""

    def __init__(self, executable: str, parameters: Mapping[str, object], namespace: str) -> None:
        command = [str(executable_path(executable)), "--ros-args", "-r", f"__ns:=/{namespace}"]
        for name, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            command += ["-p", f"{name}:={text}"]
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def output(self) -> str:
        """What it has printed so far."""
        with self._news:
            return "".join(self._lines)

    def wait_for_output(self, text: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return as soon as `text` has been printed; fail the test if it never is."""
        with self._news:
            self._news.wait_for(lambda: self._ended or text in "".join(self._lines), timeout_s)
        if text not in self.output():
            pytest.fail(f"{text!r} was not printed; what was:\n{self.output()}")

    def wait(self, timeout_s: float = START_TIMEOUT_S) -> int:
        """Wait until it has ended by itself; returns its exit code."""
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ask it to end and return its exit code; fail the test when only a kill ends it."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        started = time.monotonic()
        try:
            return self.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            waited_s = time.monotonic() - started
            pytest.fail(f"not stopped by signal {number} in {waited_s:.0f} s:\n{self.output()}")


@pytest.fixture
def start_node() -> Iterator[Callable[..., RunningNode]]:
    """See the top of this file."""
    started: list[RunningNode] = []

    def start(
        executable: str, parameters: Mapping[str, object] | None = None, namespace: str = ""
    ) -> RunningNode:
        started.append(RunningNode(executable, parameters or {}, namespace))
        return started[-1]

    yield start
    for node in started:
        node.stop()
