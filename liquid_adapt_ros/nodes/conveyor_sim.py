"""conveyor_sim: the simulated robot and conveyor, seen through the messages of a real robot.

It publishes what the drivers, the detector and the planner of a real cell publish, obeys the
command topics that ros2_control's controllers and a differential drive obey, and keeps simulated
time (/clock) in step with real time. What the report may know and the robot may not goes out on
sim/truth only.
"""

import dataclasses
import sys
import time
from typing import Any

from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter as RosParameter
from std_msgs.msg import Float64MultiArray

from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.lifecycle import ManagedNode, spin_node
from liquid_adapt_ros.nodes.pacing import Pacer
from liquid_adapt_ros.nodes.polling import PolledGroup, waiting_messages
from liquid_adapt_ros.nodes.robot_commands import CommandInbox
from liquid_adapt_ros.nodes.sim_messages import truth_message
from liquid_adapt_ros.nodes.sim_parameters import (
    DISTURBANCE_PREFIX,
    PARAMETERS,
    disturbances_of,
    nominal_config,
    scenario_of,
)
from liquid_adapt_ros.nodes.sim_publishers import SimPublishers
from liquid_adapt_ros.sim import ur5e
from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.episode import Episode
from liquid_adapt_ros.sim.planner import TICK_S

# sim/truth and sim/belt_marker go out every so many ticks (10 Hz).
_TRUTH_EVERY_TICKS = 10


class ConveyorSim(ManagedNode):
    """The node. Activation starts (or resumes) the episode, deactivation pauses it.

    The `disturbance.*` parameters are what holds now: a scenario's changes set them when their
    time comes, and anyone else may set them at any time.
    """

    def __init__(self) -> None:
        super().__init__("conveyor_sim", PARAMETERS)
        self._episode: Episode | None = None
        self._subscribers: list[Any] = []
        self._timer: Any = None
        self._ticks = 0

    def configure(self) -> None:
        """Build the world and the topics, so that all have found each other before time runs."""
        self._scenario = scenario_of(self.parameters)
        self._scheduled = Disturbances()
        self._episode = Episode(
            nominal_config(self.parameters),
            self.parameters["seed"],
            dataclasses.replace(self._scenario, changes=()),
        )
        self._episode.disturbances = disturbances_of(self.parameters)
        self._ticks = 0
        self._publishers_made = SimPublishers(self, self._episode.config.imu)
        self._inbox = CommandInbox(
            len(ur5e.JOINT_NAMES),
            lambda: self._episode.world.time_s,
            lambda reason: self.diagnostics.count("command refused", reason),
        )
        polled = PolledGroup()
        self._subscribers = [
            self.create_subscription(kind, topic, take, qos.COMMAND, callback_group=polled)
            for kind, topic, take in (
                (
                    Float64MultiArray,
                    "joint_velocity_controller/commands",
                    self._inbox.take_joint_velocities,
                ),
                (TwistStamped, "cmd_vel", self._inbox.take_twist),
                (Float64MultiArray, "gripper_controller/commands", self._inbox.take_gripper),
            )
        ]

    def activate(self) -> None:
        """Let time run."""
        self._inbox.clear()
        self._start_time(self.parameters["real_time_factor"])

    def deactivate(self) -> None:
        """Stop time."""
        self._stop_time()

    def cleanup(self) -> None:
        """Drop the world and the topics."""
        if self._episode is None:
            return
        self._episode = None
        self._publishers_made.destroy()
        for subscriber in self._subscribers:
            self.destroy_subscription(subscriber)

    def parameters_changed(self, changes: dict[str, Any]) -> None:
        """Disturbances and the pace take effect with the next tick."""
        disturbances = disturbances_of({**self.parameters, **changes})
        if self._episode is not None and any(n.startswith(DISTURBANCE_PREFIX) for n in changes):
            self._episode.disturbances = disturbances
        if "real_time_factor" in changes and self._timer is not None:
            self._stop_time()
            self._start_time(changes["real_time_factor"])

    def _start_time(self, real_time_factor: float) -> None:
        self._pacer = Pacer(TICK_S, real_time_factor, time.monotonic())
        # A timer of the executor, as it holds the period better than waiting between ticks in a
        # loop of our own (0.3 ms against 0.7 ms late at the 99th percentile).
        self._timer = self.create_timer(
            TICK_S / real_time_factor,
            self._run_due_ticks,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def _stop_time(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None

    def _run_due_ticks(self) -> None:
        for _ in range(self._pacer.due(time.monotonic())):
            self._tick()

    def _tick(self) -> None:
        self._follow_scenario()
        for subscriber in self._subscribers:
            for message in waiting_messages(subscriber):
                subscriber.callback(message)
        command = self._inbox.command(self.parameters["command_timeout_s"])
        result = self._episode.tick(command)
        self._publishers_made.publish_samples(result)
        self._ticks += 1
        if self._ticks % _TRUTH_EVERY_TICKS == 0:
            factor, late = self._pacer.real_time_factor(), self._pacer.late_ticks
            self.diagnostics.figure("real_time_factor", factor)
            self.diagnostics.figure("late_ticks", late)
            self._publishers_made.publish_truth(
                truth_message(result, self._episode.counters, factor, late)
            )
            self._publishers_made.publish_belt(result.odom)

    def _follow_scenario(self) -> None:
        """Set the parameters that the scenario changes now."""
        scheduled = self._scenario.disturbances_at(self._episode.world.time_s)
        if scheduled is self._scheduled:
            return
        before, after = vars(self._scheduled), vars(scheduled)
        self._scheduled = scheduled
        changed = {name: value for name, value in after.items() if value != before[name]}
        if changed:
            self.get_logger().info(f"the scenario sets {changed}")
            self.set_parameters(
                [RosParameter(DISTURBANCE_PREFIX + name, value=v) for name, v in changed.items()]
            )


def main() -> int:
    """Run the node."""
    return spin_node(ConveyorSim)


if __name__ == "__main__":
    sys.exit(main())
