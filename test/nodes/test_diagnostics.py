"""What a node says on /diagnostics."""

import pytest
import rclpy
from rclpy.node import Node

from liquid_adapt_ros.nodes.diagnostics import ERROR, OK, WARN, Diagnostics


class Recorder:
    def __init__(self):
        self.statuses = []

    def publish(self, message):
        self.statuses.append(message.status[0])


@pytest.fixture
def diagnostics():
    rclpy.init()
    diagnostics = Diagnostics(Node("patient", namespace="ward"))
    diagnostics._publisher = Recorder()
    yield diagnostics
    rclpy.shutdown()


def reported(diagnostics):
    diagnostics._report()
    return diagnostics._publisher.statuses[-1]


def test_a_healthy_node_is_ok_and_shows_its_figures(diagnostics):
    diagnostics.figure("rate_hz", 99.123456789)
    diagnostics.tally("pictures skipped")
    status = reported(diagnostics)
    assert (status.name, status.level, status.message) == ("/ward/patient", OK, "ok")
    assert {v.key: v.value for v in status.values} == {
        "rate_hz": "99.1235",
        "pictures skipped": "1",
    }


def test_a_problem_is_named_while_recent_and_counted_for_ever(diagnostics):
    for joint in ("elbow", "wrist"):
        diagnostics.count("joint sample dropped", f"{joint} is missing")
    status = reported(diagnostics)
    assert status.level == WARN
    assert status.message == "joint sample dropped: wrist is missing"
    status = reported(diagnostics)
    assert (status.level, status.message) == (OK, "ok")
    assert status.values[0].value == "2"


def test_a_condition_lasts_until_cleared_and_bad_news_goes_out_at_once(diagnostics):
    diagnostics.raise_condition("camera", WARN, "camera is 0.3 s old")
    diagnostics.raise_condition("input", ERROR, "no input")
    assert [s.level for s in diagnostics._publisher.statuses] == [WARN, ERROR]
    diagnostics.raise_condition("input", ERROR, "no input for longer")
    assert len(diagnostics._publisher.statuses) == 2
    assert reported(diagnostics).message == "camera is 0.3 s old; no input for longer"
    diagnostics.clear_condition("input")
    diagnostics.clear_condition("never raised")
    assert reported(diagnostics).level == WARN
