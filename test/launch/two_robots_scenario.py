"""Two robots in two namespaces side by side: both learn, and neither hears the other."""

import json
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import launch_testing.asserts
from launch import LaunchDescription
from launch.actions import SetEnvironmentVariable
from launch_testing.actions import ReadyToTest
from robot_listener import (
    START_TIMEOUT_S,
    RobotListener,
    launch_file,
    parameters_of,
)

from liquid_adapt_ros.tools.stack import STACK

ROBOTS = ("left", "right")
# Topics that a whole ROS system has once.
SHARED_TOPICS = {"/diagnostics", "/parameter_events", "/rosout"}
CHECKPOINT = "robot.safetensors"


def generate_test_description():
    changes = {
        # Half the pace: eight processes share the processor.
        "conveyor_sim": {"real_time_factor": 0.5},
        "online_trainer": {"checkpoint_file": CHECKPOINT},
    }
    shared = parameters_of("conveyor_sim", changes)
    robots = [
        launch_file("conveyor_sim", namespace=name, params_file=str(shared)) for name in ROBOTS
    ]
    home = TemporaryDirectory()
    description = LaunchDescription(
        [SetEnvironmentVariable("ROS_HOME", home.name), *robots, ReadyToTest()]
    )
    return description, {"home": home}


class TestTwoRobots(unittest.TestCase):
    """One run of two stacks; the tests follow each other in the order of their numbers."""

    robots: dict[str, RobotListener]

    @classmethod
    def setUpClass(cls):
        cls.robots = {name: RobotListener(name) for name in ROBOTS}

    @classmethod
    def tearDownClass(cls):
        for robot in cls.robots.values():
            robot.close()

    def test_1_both_learn(self):
        for name, robot in self.robots.items():
            robot.wait(
                f"actions of new weights on {name}",
                lambda robot=robot: robot.actions and robot.actions[-1][1].weight_version > 0,
                timeout_s=2 * START_TIMEOUT_S,
            )

    def test_2_each_topic_belongs_to_one_robot_and_has_one_publisher(self):
        node = self.robots["left"].node
        topics = [name for name, _ in node.get_topic_names_and_types()]
        of = {robot: {t for t in topics if t.startswith(f"/{robot}/")} for robot in ROBOTS}
        assert set(topics) - of["left"] - of["right"] <= SHARED_TOPICS
        assert {t.removeprefix("/left/") for t in of["left"]} == {
            t.removeprefix("/right/") for t in of["right"]
        }
        for robot in ROBOTS:
            for topic in ("clock", "joint_states", "fused_state", "policy_action", "cmd_vel"):
                assert node.count_publishers(f"/{robot}/{topic}") == 1, (robot, topic)

    def test_3_what_happens_to_one_does_not_happen_to_the_other(self):
        left, right = self.robots["left"], self.robots["right"]

        def belt_speed(robot):
            return json.loads(robot.truth.data)["belt_speed_m_s"]

        left.set_parameters("conveyor_sim", {"disturbance.belt_speed_scale": 0.0})
        left.wait("a belt that stands", lambda: belt_speed(left) == 0.0)
        assert belt_speed(right) > 0.0
        right.deactivate("conveyor_sim")
        start_s = time.time()
        right.wait("a stop for want of input", lambda: right.actions[-1][1].safe_stop)
        left.wait("a second of actions", lambda: len(left.actions_between(start_s, 1e99)) > 50)
        assert not any(action.safe_stop for action in left.actions_between(start_s, 1e99))


@launch_testing.post_shutdown_test()
class TestTwoRobotsAfterShutdown(unittest.TestCase):
    """What is left when the launch file has ended."""

    def test_every_node_has_ended_with_exit_code_0(self, proc_info):
        assert len(list(proc_info)) == len(ROBOTS) * len(STACK)
        launch_testing.asserts.assertExitCodes(proc_info)

    def test_each_has_kept_what_it_learned(self, home):
        for robot in ROBOTS:
            assert (Path(home.name) / "liquid_adapt_ros" / robot / CHECKPOINT).is_file(), robot
