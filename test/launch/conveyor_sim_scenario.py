"""conveyor_sim.launch.py for real: the robot learns, survives its trainer, and ends cleanly."""

import time
import unittest

import launch_testing.asserts
import pytest
import yaml
from launch import LaunchDescription
from launch_testing.actions import ReadyToTest
from robot_listener import START_TIMEOUT_S, RobotListener, launch_file, process_of

from liquid_adapt_ros.tools.stack import STACK, scenario_file

NAMES = [node.name for node in STACK]
# How far the shipped network's error must be undercut for the change to count as learned [%].
LEARNED_GAIN_PERCENT = 30.0


def demo_disturbance():
    """What the demo's scenario changes in the world, as parameters of conveyor_sim."""
    (change,) = yaml.safe_load(scenario_file("demo").read_text())["changes"]
    return {f"disturbance.{name}": value for name, value in change["set"].items()}


def generate_test_description():
    return LaunchDescription([launch_file("conveyor_sim", use_respawn="true"), ReadyToTest()])


class TestRobot(unittest.TestCase):
    """One run of the stack; the tests follow each other in the order of their numbers."""

    robot: RobotListener

    @classmethod
    def setUpClass(cls):
        cls.robot = RobotListener()

    @classmethod
    def tearDownClass(cls):
        # What the last commands were is looked at after the shutdown.
        TestRobotAfterShutdown.robot = cls.robot

    def test_1_the_nodes_become_active_one_after_the_other(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        active = [False] * len(NAMES)
        while not all(active):
            assert time.monotonic() < deadline, dict(zip(NAMES, active, strict=True))
            # Asked from the last to the first, so that one that is active only now does no harm.
            active = [self.robot.is_active(name) for name in reversed(NAMES)][::-1]
            assert active == sorted(active, reverse=True), dict(zip(NAMES, active, strict=True))

    def test_2_actions_come_at_100_hz(self):
        start_s = time.time()
        assert self.robot.action_rate_hz(10.0) == pytest.approx(100.0, rel=0.05)
        assert self.robot.longest_silence_s(start_s, start_s + 10.0) <= 0.1

    def test_3_new_weights_reach_the_policy(self):
        robot = self.robot
        robot.wait("three weight updates", lambda: len(robot.updates) >= 3)
        sent = robot.updates[-1].version
        robot.wait(
            f"actions of version {sent}",
            lambda: any(action.weight_version >= sent for _, action in robot.actions[-100:]),
        )

    def test_4_a_change_of_the_world_is_learned(self):
        robot = self.robot
        nominal_m = robot.statuses[-1].frozen_rmse_m
        robot.set_parameters("conveyor_sim", demo_disturbance())
        changed = len(robot.statuses)
        robot.wait(
            "an error of the shipped network that has doubled",
            lambda: robot.statuses[-1].frozen_rmse_m > 2.0 * nominal_m,
            timeout_s=60.0,
        )

        def is_learned():
            worst_m = max(status.adapted_rmse_m for status in robot.statuses[changed:])
            newest = robot.statuses[-1]
            has_fallen = newest.adapted_rmse_m < 0.8 * worst_m
            return has_fallen and newest.gain_percent > LEARNED_GAIN_PERCENT

        robot.wait(
            f"a fallen error, {LEARNED_GAIN_PERCENT:g} % below the shipped network's",
            is_learned,
            timeout_s=120.0,
        )

    def test_5_a_trainer_that_is_killed_comes_back_and_actions_never_stop(self):
        robot = self.robot
        start_s = time.time()
        killed = process_of("online_trainer")
        killed.kill()
        robot.wait(
            "the trainer's end",
            lambda: (now := process_of("online_trainer")) is None or now.pid != killed.pid,
        )
        robot.wait("a new trainer", lambda: process_of("online_trainer"))
        robot.wait(
            "an active trainer",
            lambda: robot.is_active("online_trainer"),
            timeout_s=START_TIMEOUT_S,
        )
        known = len(robot.updates)
        robot.wait("weights of the new trainer", lambda: len(robot.updates) > known)
        sent = robot.updates[-1].version
        robot.wait(
            f"actions of version {sent}", lambda: robot.actions[-1][1].weight_version >= sent
        )
        assert robot.longest_silence_s(start_s, time.time()) <= 0.1


@launch_testing.post_shutdown_test()
class TestRobotAfterShutdown(unittest.TestCase):
    """What is left when the launch file has ended."""

    robot: RobotListener

    @classmethod
    def tearDownClass(cls):
        cls.robot.close()

    def test_every_node_has_ended_with_exit_code_0(self, proc_info):
        assert len(list(proc_info)) == len(STACK)
        launch_testing.asserts.assertExitCodes(proc_info)

    def test_the_robot_was_brought_to_rest(self):
        assert set(self.robot.arm.data) == {0.0}
        assert self.robot.base.twist.linear.x == self.robot.base.twist.angular.z == 0.0
        assert self.robot.actions[-1][1].safe_stop
