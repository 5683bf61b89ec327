"""Fixtures of the tests that talk to nodes running as processes.

probe        A Probe in this test's ROS domain: publishes, records, calls, waits.
model        A TinyModel in this test's folder.
moving_robot moving_robot({parameter: value}) starts lnn_inference on `model`, with observations
             that make it move, and returns the Robot once it does.
"""

import pytest


@pytest.fixture
def probe(ros_domain):
    """See the top of this file."""
    from ros_probe import ros_probe

    with ros_probe() as probe:
        yield probe


@pytest.fixture
def model(tmp_path):
    """See the top of this file."""
    from tiny_model import write_tiny_model

    return write_tiny_model(tmp_path)


@pytest.fixture
def moving_robot(probe, model, start_node):
    """See the top of this file."""
    from policy_drivers import PARAMETERS, Observations, Robot

    def start(parameters=None):
        observations = Observations(probe, model)
        values = PARAMETERS | {"model_file": str(model.model_path)} | (parameters or {})
        robot = Robot(probe, start_node("lnn_inference", values), observations)
        ended = robot.node.process.poll
        assert probe.spin_until(lambda: robot.is_moving() or ended() is not None)
        assert robot.is_moving(), robot.node.output()
        return robot

    return start
