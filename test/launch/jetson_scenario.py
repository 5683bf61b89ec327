"""The Jetsons' launch files for real, with the built-in simulator playing the robot."""

import os
import unittest

import launch_testing.asserts
import pytest
import yaml
from launch import LaunchDescription
from launch.actions import ExecuteProcess
from launch_testing.actions import ReadyToTest
from robot_listener import (
    START_TIMEOUT_S,
    RobotListener,
    launch_file,
    parameters_of,
    process_of,
)

from liquid_adapt_ros.nodes.cpu_cores import parse_cores
from liquid_adapt_ros.tools.stack import (
    LEARNING_STACK,
    SIMULATOR,
    node_command,
    parameter_file,
)


@launch_testing.parametrize("preset", ["jetson_nano", "xavier_nx"])
def generate_test_description(preset):
    changes = {
        "sensor_fusion": {"encoder_provider": "cpu"},  # there may be no GPU here
        "online_trainer": {"checkpoint_file": ""},  # nothing is kept
    }
    parameters = parameters_of(preset, changes)
    stack = launch_file(preset, use_sim_time="true", params_file=str(parameters))
    simulator = ExecuteProcess(cmd=node_command(SIMULATOR, parameter_file()))
    return LaunchDescription([simulator, stack, ReadyToTest()])


class TestJetson(unittest.TestCase):
    """One run of a preset; the tests follow each other in the order of their numbers."""

    robot: RobotListener

    @classmethod
    def setUpClass(cls):
        cls.robot = RobotListener()

    @classmethod
    def tearDownClass(cls):
        cls.robot.close()

    def test_1_new_weights_reach_the_policy(self):
        self.robot.wait(
            "actions of new weights",
            lambda: self.robot.actions and self.robot.actions[-1][1].weight_version > 0,
            timeout_s=2 * START_TIMEOUT_S,
        )

    def test_2_actions_come_at_100_hz(self):
        assert self.robot.action_rate_hz(5.0) == pytest.approx(100.0, rel=0.05)

    def test_3_each_node_keeps_to_the_cores_of_its_preset(self, preset):
        content = yaml.safe_load(parameter_file(preset).read_text())
        online = os.sched_getaffinity(0)
        for node in LEARNING_STACK:
            cores = parse_cores(content[f"/**/{node.name}"]["ros__parameters"]["cpu_cores"])
            kept = set(process_of(node.executable).cpu_affinity())
            assert kept == (cores & online or online), node.name


@launch_testing.post_shutdown_test()
class TestJetsonAfterShutdown(unittest.TestCase):
    """What is left when the launch file has ended."""

    def test_every_node_has_ended_with_exit_code_0(self, proc_info):
        assert len(list(proc_info)) == 1 + len(LEARNING_STACK)
        launch_testing.asserts.assertExitCodes(proc_info)
