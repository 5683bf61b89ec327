"""Starting, watching and ending node processes, in a domain of their own."""

import socket
import sys
import time

import psutil
import pytest

from liquid_adapt_ros.tools.demo import stack_processes
from liquid_adapt_ros.tools.demo.domain import domain_environment, free_domain
from liquid_adapt_ros.tools.demo.stack_processes import StackProcesses
from liquid_adapt_ros.tools.stack import StackNode

POLITE = (
    "import time; print('up', flush=True)\ntry: time.sleep(60)\nexcept KeyboardInterrupt: pass"
)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN);"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)
FAILING = "raise SystemExit('no model')"


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Runs Python programs in place of nodes; yields (stack, start(name, program))."""
    monkeypatch.setattr(
        stack_processes,
        "_PATIENCE_S",
        tuple((number, 0.5) for number, _ in stack_processes._PATIENCE_S),
    )
    with StackProcesses(tmp_path, {}) as stack:

        def start(name, program):
            monkeypatch.setattr(
                stack_processes, "node_command", lambda *_: [sys.executable, "-c", program]
            )
            stack.start(StackNode(name, name), tmp_path / "unused.yaml")
            return stack

        yield start


def wait_for(condition, timeout_s=10.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pids():
    return {child.pid for child in psutil.Process().children()}


@pytest.mark.parametrize("program", [POLITE, STUBBORN])
def test_no_process_is_left_behind(start, tmp_path, program):
    before = pids()
    stack = start("node", program)
    wait_for(lambda: "up" in (tmp_path / "node.log").read_text())
    started = pids() - before
    assert len(started) == 1
    stack.stop()
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_a_node_that_died_is_noticed_with_its_last_words(start):
    stack = start("node", FAILING)
    wait_for(stack.ended)
    (ended,) = stack.ended()
    assert ended.process.returncode == 1
    assert ended.last_words() == "no model"


def test_processor_time_is_counted_per_node(start, tmp_path):
    stack = start("busy", "print('up', flush=True)\nwhile True: pass")
    wait_for(lambda: "up" in (tmp_path / "busy.log").read_text())
    wait_for(lambda: stack.cpu_s()["busy"] > 0.2)


def test_two_reservations_are_two_domains():
    with free_domain() as first, free_domain() as second:
        assert first != second


def test_a_reservation_ends_with_its_context():
    with free_domain() as first:
        pass
    with free_domain() as second:
        assert second == first


def test_a_domain_with_a_participant_is_not_free():
    with free_domain() as domain:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind(("", 7400 + 250 * domain + 10))
        with free_domain() as other:
            assert other != domain


def test_the_environment_keeps_traffic_on_this_machine(monkeypatch):
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    assert domain_environment(7) == {
        "ROS_DOMAIN_ID": "7",
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    monkeypatch.setenv("ROS_DISTRO", "humble")
    assert domain_environment(7)["ROS_LOCALHOST_ONLY"] == "1"
