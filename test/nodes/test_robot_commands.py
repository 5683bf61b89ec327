"""Commands are obeyed only whole, checked and fresh."""

import math

import pytest
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import Float64MultiArray

from liquid_adapt_ros.nodes.robot_commands import CommandInbox


class Clock:
    now_s = 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals() -> list[str]:
    return []


@pytest.fixture
def inbox(clock, refusals) -> CommandInbox:
    return CommandInbox(6, lambda: clock.now_s, refusals.append)


def send(inbox, velocities=(0.1,) * 6, linear=0.2, angular=0.3, gripper=(1.0,)):
    inbox.take_joint_velocities(Float64MultiArray(data=velocities))
    twist = TwistStamped()
    twist.twist.linear.x, twist.twist.angular.z = linear, angular
    inbox.take_twist(twist)
    inbox.take_gripper(Float64MultiArray(data=gripper))


def test_a_complete_command_is_obeyed(inbox):
    send(inbox)
    command = inbox.command(max_age_s=0.1)
    assert command.joint_velocity.tolist() == [0.1] * 6
    assert command.base_twist.tolist() == [0.2, 0.3]
    assert command.gripper == 1.0


def test_an_old_command_is_not_obeyed(inbox, clock):
    send(inbox)
    clock.now_s = 0.11
    assert inbox.command(max_age_s=0.1) is None


def test_nothing_is_obeyed_before_all_three_parts_are_there(inbox):
    inbox.take_joint_velocities(Float64MultiArray(data=[0.0] * 6))
    inbox.take_gripper(Float64MultiArray(data=[0.0]))
    assert inbox.command(max_age_s=0.1) is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"velocities": [0.0] * 5}, "joint velocities: 5 values, expected 6"),
        ({"velocities": [math.nan] * 6}, "joint velocities: not finite"),
        ({"velocities": []}, "joint velocities: 0 values, expected 6"),
        ({"linear": math.inf}, "base twist: not finite"),
        ({"gripper": [0.0, 1.0]}, "gripper: 2 values, expected 1"),
    ],
)
def test_a_bad_message_is_dropped_whole_and_named(inbox, refusals, bad, reason):
    send(inbox, **bad)
    assert refusals == [reason]
    assert inbox.command(max_age_s=0.1) is None


def test_a_bad_message_does_not_replace_a_good_one(inbox):
    send(inbox)
    inbox.take_joint_velocities(Float64MultiArray(data=[math.nan] * 6))
    assert inbox.command(max_age_s=0.1).joint_velocity.tolist() == [0.1] * 6
