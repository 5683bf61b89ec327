"""The teacher: picks the target with privileged knowledge of the world, by Cartesian velocity.

Each tick it chooses a phase and a goal for the lip of the suction cup, turns the error into a
velocity (in cylindrical coordinates about the arm, so that it swings around itself), adds the
belt's velocity where it follows an object, and solves for joint velocities by damped least squares
with the tool pointing down. It remembers its phase and its last action (for the acceleration
limits, which count from what it wanted, not from what someone else did): what it wants is its own
opinion of the world as it is, whoever drives.
"""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from liquid_adapt_ros.sim import robot, ur5e
from liquid_adapt_ros.sim.objects import ObjectState
from liquid_adapt_ros.sim.target import select_target
from liquid_adapt_ros.sim.world import WorldState

TICK_S = 0.01
JOINT_VELOCITY_MAX_RAD_S = 0.95 * math.pi
JOINT_ACCELERATION_MAX_RAD_S2 = 10.0
SPEED_MAX_M_S = 1.3
BRAKING_M_S2 = 3.0
POSITION_GAIN_PER_S = 9.0
TILT_GAIN_PER_S = 6.0
POSTURE_GAIN_PER_S = 1.0
DAMPING = 0.03

HOME_M = (-0.05, 0.50, 0.56)
FIRST_REACH_X_M = -0.15  # upstream of this the tool waits for the object to come
LAST_REACH_X_M = 0.55
HOVER_M = 0.07  # above the object's top
FUNNEL_M = (0.008, 0.05)  # horizontal error at which the tool is down, and where it starts down
PRESS_M = 0.002
DESCEND_WITHIN_M = 0.02
LIFT_M = 0.03
CARRY_CLEARANCE_M = 0.03  # of the object's underside above the bin's rim
RELEASE_WITHIN_M = 0.06

BASE_SHARE_OF_BELT = 0.3
BASE_TRAVEL_M = 0.20
BASE_RETURN_SPEED_M_S = 0.15
BASE_ACCELERATION_M_S2 = 0.4
# Heading and lateral error of the base, turned into a rate of turning as in path following. With
# less the base drifts off its line by centimetres within a minute, pushed by the swinging arm.
HEADING_GAIN_PER_S, LATERAL_GAIN_PER_M2 = 6.0, 150.0
BASE_TURN_MAX_RAD_S = 0.3

_ARRIVAL_M, _ARRIVAL_S = 0.005, 10.0


class Phase(str, Enum):
    """What the planner is doing."""

    WAIT = "wait"
    APPROACH = "approach"
    DESCEND = "descend"
    LIFT = "lift"
    CARRY = "carry"
    RELEASE = "release"
    RETURN = "return"


@dataclass(frozen=True)
class PlannerAction:
    """joint_velocity (6,) rad/s, base_twist (forward m/s, yaw rad/s), gripper 0 or 1, phase.

    object_id: the object it is after or carries, None in wait and return.
    """

    joint_velocity: np.ndarray
    base_twist: np.ndarray
    gripper: float
    phase: Phase
    object_id: int | None


class Planner:
    """Call step once per tick with the true state."""

    def __init__(self) -> None:
        self._phase = Phase.WAIT
        self._object_id: int | None = None
        self._lift_from_z = 0.0
        self._held_height_m = 0.0
        self._last_joint_velocity = np.zeros(6)
        self._last_forward = 0.0

    def step(self, state: WorldState) -> PlannerAction:
        """The action for this state of the world."""
        lip = state.tool_position
        goal_object = self._choose(state)
        if goal_object is not None:
            goal, feed_forward, distance = _above(goal_object, state, lip)
            close = distance < DESCEND_WITHIN_M
            self._phase = Phase.DESCEND if close else Phase.APPROACH
            gripper = float(close)
        else:
            goal, feed_forward, gripper = self._carry_or_return(state, lip)
        velocity = _velocity_towards(goal, lip) + feed_forward
        return PlannerAction(
            joint_velocity=self._limited(_joint_velocity(state.joint_position, velocity)),
            base_twist=self._base_twist(state),
            gripper=gripper,
            phase=self._phase,
            object_id=self._object_id,
        )

    def _choose(self, state: WorldState) -> ObjectState | None:
        """The object to go for; None while carrying or when there is none within reach."""
        if state.held_id is not None:
            return None
        by_id = {item.object_id: item for item in state.objects if item.on_belt}
        followed = by_id.get(self._object_id)
        picking = self._phase in (Phase.APPROACH, Phase.DESCEND)
        if picking and followed is not None and followed.position[0] < LAST_REACH_X_M:
            return followed
        target = select_target(state.objects, state.held_id)
        if target is None or _meeting_x(target, state) > LAST_REACH_X_M:
            self._object_id = None
            return None
        self._object_id = target.object_id
        return target

    def _carry_or_return(
        self, state: WorldState, lip: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Goal (3,), feed-forward velocity (3,) and gripper while there is nothing to go for."""
        at_rest = np.zeros(3)
        if state.held_id is None:
            home = np.array(HOME_M)
            arrived = np.linalg.norm(home - lip) < 0.03
            self._phase = Phase.WAIT if arrived else Phase.RETURN
            return home, at_rest, 0.0
        if self._phase not in (Phase.LIFT, Phase.CARRY, Phase.RELEASE):
            self._phase = Phase.LIFT
            self._object_id = state.held_id
            self._lift_from_z = float(lip[2])
            held = next(item for item in state.objects if item.object_id == state.held_id)
            self._held_height_m = 2.0 * held.half_height_m
        if self._phase is Phase.LIFT:
            if lip[2] < self._lift_from_z + LIFT_M:
                up = np.array((lip[0], lip[1], self._lift_from_z + 3.0 * LIFT_M))
                return up, state.belt_velocity, 1.0
            self._phase = Phase.CARRY
        height = robot.BIN_RIM_Z_M + CARRY_CLEARANCE_M + self._held_height_m
        goal = np.array((*robot.BIN_CENTRE_M, height))
        if np.linalg.norm(goal[:2] - lip[:2]) < RELEASE_WITHIN_M:
            self._phase = Phase.RELEASE
        return goal, at_rest, 0.0 if self._phase is Phase.RELEASE else 1.0

    def _base_twist(self, state: WorldState) -> np.ndarray:
        """Drive along with the belt while picking, back to the start afterwards, on one line.

        The rate of turning follows Samson, Int. J. Robotics Research 12(1), 1993, for straight
        paths.
        """
        x, y, yaw = state.base_pose
        belt_speed = state.belt_velocity[0] + state.base_twist[0]
        if self._phase in (Phase.APPROACH, Phase.DESCEND, Phase.LIFT):
            wanted = BASE_SHARE_OF_BELT * belt_speed * min(1.0, 4.0 * (1.0 - x / BASE_TRAVEL_M))
        else:
            wanted = min(max(-1.5 * x, -BASE_RETURN_SPEED_M_S), BASE_RETURN_SPEED_M_S)
        step = BASE_ACCELERATION_M_S2 * TICK_S
        forward = self._last_forward + min(max(wanted - self._last_forward, -step), step)
        self._last_forward = forward
        turn = -HEADING_GAIN_PER_S * yaw - LATERAL_GAIN_PER_M2 * forward * y
        return np.array((forward, min(max(turn, -BASE_TURN_MAX_RAD_S), BASE_TURN_MAX_RAD_S)))

    def _limited(self, wanted: np.ndarray) -> np.ndarray:
        """Joint velocities (6,) towards those wanted, within the acceleration limit."""
        change = wanted - self._last_joint_velocity
        change_max = JOINT_ACCELERATION_MAX_RAD_S2 * TICK_S
        change *= min(1.0, change_max / max(float(np.abs(change).max()), 1e-9))
        self._last_joint_velocity = self._last_joint_velocity + change
        return self._last_joint_velocity


def _above(
    item: ObjectState, state: WorldState, lip: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Goal for the lip above an object, velocity to follow it with, horizontal distance to it.

    The goal comes down as the horizontal error shrinks. Upstream of the reach the lip waits at the
    edge of the reach, and starts to move with the belt as the object comes in.
    """
    x, y, z = item.position.tolist()
    following = min(max((x - FIRST_REACH_X_M) / 0.03 + 1.0, 0.0), 1.0)
    distance = math.hypot(x - lip[0], y - lip[1])
    share = (distance - FUNNEL_M[0]) / (FUNNEL_M[1] - FUNNEL_M[0])
    hover = HOVER_M * min(max(share, 0.0), 1.0)
    goal_z = z + item.half_height_m - PRESS_M + hover
    goal = np.array((max(x, FIRST_REACH_X_M), y, goal_z))
    return goal, following * state.belt_velocity, distance


def _meeting_x(item: ObjectState, state: WorldState) -> float:
    """About where along the belt (x in base_link) the lip can have caught up with an object."""
    way = float(np.linalg.norm(item.position - state.tool_position))
    return float(item.position[0] + state.belt_velocity[0] * (0.5 + way / SPEED_MAX_M_S))


def _velocity_towards(goal: np.ndarray, lip: np.ndarray) -> np.ndarray:
    """Velocity (3,) m/s of the lip that ends at the goal without exceeding speed and braking."""
    x, y, z = (lip - robot.ARM_BASE_M).tolist()
    goal_x, goal_y, goal_z = (goal - robot.ARM_BASE_M).tolist()
    radius, goal_radius = max(math.hypot(x, y), 1e-6), math.hypot(goal_x, goal_y)
    angle = math.atan2(x * goal_y - y * goal_x, x * goal_x + y * goal_y)
    error = (goal_radius - radius, radius * angle, goal_z - z)
    length = math.sqrt(error[0] ** 2 + error[1] ** 2 + error[2] ** 2)
    if length < 1e-9:
        return np.zeros(3)
    speed = min(
        SPEED_MAX_M_S, math.sqrt(2.0 * BRAKING_M_S2 * length), POSITION_GAIN_PER_S * length
    )
    radial, around, up = (speed / length * part for part in error)
    c, s = x / radius, y / radius
    return np.array((radial * c - around * s, radial * s + around * c, up))


def _joint_velocity(joint_position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Joint velocities (6,) that move the lip so, tool kept pointing down.

    Damped least squares on five rows (the turn about the tool's own axis is free, and drifts back
    to wrist_3 = 0); Nakamura and Hanafusa, J. Dyn. Sys. Meas. Control 108(3), 1986.
    """
    frames = ur5e.joint_frames(joint_position)
    axis = frames[6, :3, 2]
    lip = _lip(frames)
    jacobian = ur5e.point_jacobian(frames, lip)[:5]
    # The turn that brings the tool's axis to (0, 0, -1) is their cross product.
    tilt = (-TILT_GAIN_PER_S * axis[1], TILT_GAIN_PER_S * axis[0])
    task = np.array((*velocity, *tilt))
    posture = np.zeros(6)
    posture[5] = -POSTURE_GAIN_PER_S * joint_position[5]
    gram = jacobian @ jacobian.T
    gram.flat[::6] += DAMPING**2
    wanted = posture + jacobian.T @ np.linalg.solve(gram, task - jacobian @ posture)
    return wanted * min(1.0, JOINT_VELOCITY_MAX_RAD_S / max(float(np.abs(wanted).max()), 1e-9))


def _lip(frames: np.ndarray) -> np.ndarray:
    """Lip of the suction cup (3,) in the arm's base frame."""
    return frames[6, :3, 3] + robot.TOOL_LENGTH_M * frames[6, :3, 2]


def joints_at(lip: np.ndarray, start_rad: np.ndarray) -> np.ndarray:
    """Joint positions (6,) rad at which the planner would have brought the lip to a point.

    Args:
        lip: (3,) m in base_link, the tool pointing down.
        start_rad: (6,) from where.

    Raises ValueError when the lip does not get to within 5 mm of the point in 10 s.
    """
    joints = np.array(start_rad, float)
    for _ in range(round(_ARRIVAL_S / TICK_S)):
        at = _lip(ur5e.joint_frames(joints)) + robot.ARM_BASE_M
        if np.linalg.norm(at - lip) < _ARRIVAL_M:
            return joints
        joints += TICK_S * _joint_velocity(joints, _velocity_towards(np.asarray(lip), at))
    raise ValueError(f"lip = {lip}: out of the arm's reach")
