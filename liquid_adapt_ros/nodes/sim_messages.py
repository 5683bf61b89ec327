"""The simulator's samples as the messages that a robot's drivers publish."""

import json
import math
from array import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, TwistStamped
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, Imu, JointState
from std_msgs.msg import Header, String

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.nodes.stamps import set_stamp
from liquid_adapt_ros.sim import ur5e
from liquid_adapt_ros.sim.config import ImuConfig
from liquid_adapt_ros.sim.planner import PlannerAction
from liquid_adapt_ros.sim.samples import CameraSample, Counters, OdomSample, TickResult
from liquid_adapt_ros.sim.sensors import Detection, ImuSample, JointSample

BASE_FRAME = "base_link"
ODOM_FRAME = "odom"
IMU_FRAME = "imu_link"
CAMERA_FRAME = "camera_color_optical_frame"
GRIPPER_JOINT = "gripper"

_MILLIMETRES = 1000.0
_DEPTH_MAX_MM = np.iinfo(np.uint16).max


def clock_message(time_s: float) -> Clock:
    """/clock at a simulated time."""
    return Clock(clock=_time(time_s))


def imu_message(sample: ImuSample, config: ImuConfig) -> Imu:
    """imu/data; the orientation is not measured (REP-145: covariance -1)."""
    message = Imu(header=_header(sample.stamp_s, IMU_FRAME))
    message.orientation_covariance[0] = -1.0
    acceleration, rate = message.linear_acceleration, message.angular_velocity
    acceleration.x, acceleration.y, acceleration.z = sample.linear_acceleration.tolist()
    rate.x, rate.y, rate.z = sample.angular_velocity.tolist()
    message.linear_acceleration_covariance[::4] = config.acceleration_sigma_m_s2**2
    message.angular_velocity_covariance[::4] = config.angular_velocity_sigma_rad_s**2
    return message


def joint_state_message(sample: JointSample) -> JointState:
    """joint_states of the arm."""
    return JointState(
        header=_header(sample.stamp_s, ""),
        name=sample.names,
        position=sample.position.tolist(),
        velocity=sample.velocity.tolist(),
    )


def odometry_message(sample: OdomSample) -> Odometry:
    """odom: the base's pose in odom and its twist in base_link."""
    message = Odometry(header=_header(sample.stamp_s, ODOM_FRAME), child_frame_id=BASE_FRAME)
    x, y, yaw = sample.pose.tolist()
    pose, twist = message.pose.pose, message.twist.twist
    pose.position.x, pose.position.y = x, y
    pose.orientation.z, pose.orientation.w = math.sin(0.5 * yaw), math.cos(0.5 * yaw)
    twist.linear.x, twist.angular.z = sample.twist.tolist()
    return message


def detection_message(detection: Detection) -> PoseStamped:
    """object_pose: the observed target; its orientation is not observed (identity)."""
    message = PoseStamped(header=_header(detection.stamp_s, BASE_FRAME))
    position = message.pose.position
    position.x, position.y, position.z = detection.position.tolist()
    return message


def camera_messages(sample: CameraSample) -> tuple[CameraInfo, Image, Image]:
    """Camera info, colour (rgb8) and aligned depth (16UC1, millimetres, 0 = none) of one frame."""
    header = _header(sample.stamp_s, CAMERA_FRAME)
    height, width = sample.depth_m.shape
    depth_mm = np.rint(sample.depth_m * _MILLIMETRES).clip(0, _DEPTH_MAX_MM).astype("<u2")
    matrix = np.asarray(sample.matrix, dtype=float)
    info = CameraInfo(
        header=header,
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=matrix.ravel(),
        r=np.eye(3).ravel(),
        p=np.hstack([matrix, np.zeros((3, 1))]).ravel(),
    )
    return info, _image(header, sample.rgb, "rgb8"), _image(header, depth_mm, "16UC1")


def planner_messages(time_s: float, action: PlannerAction) -> tuple[JointState, TwistStamped]:
    """planner/joint_command and planner/cmd_vel.

    The arm's joints have a velocity and no position (NaN); the suction is the joint "gripper"
    with the position 0 or 1.
    """
    joints = len(ur5e.JOINT_NAMES)
    command = JointState(
        header=_header(time_s, ""),
        name=(*ur5e.JOINT_NAMES, GRIPPER_JOINT),
        position=[math.nan] * joints + [float(action.gripper)],
        velocity=[*action.joint_velocity.tolist(), 0.0],
    )
    twist = TwistStamped(header=_header(time_s, BASE_FRAME))
    twist.twist.linear.x, twist.twist.angular.z = action.base_twist.tolist()
    return command, twist


def truth_message(
    result: TickResult, counters: Counters, real_time_factor: float, late_ticks: int
) -> String:
    """sim/truth: JSON for the report; no part of the robot may listen to it."""
    truth = result.truth
    content = {
        "time_s": round(result.time_s, 6),
        "belt_speed_m_s": truth.belt_speed_m_s,
        "base_speed_m_s": float(result.odom.twist[0]),
        "target_id": truth.target_id,
        "driver": truth.driver,
        "picks": counters.picks,
        "misses": counters.misses,
        "objects": counters.objects,
        "real_time_factor": round(real_time_factor, 4),
        "late_ticks": late_ticks,
    }
    return String(data=json.dumps(content))


def _image(header: Header, pixels: np.ndarray, encoding: str) -> Image:
    # rclpy takes an array('B') as it is; any other sequence may be checked byte by byte.
    return Image(
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=pixels.strides[0],
        data=array("B", pixels.tobytes()),
    )


def _header(stamp_s: float, frame_id: str) -> Header:
    return Header(stamp=_time(stamp_s), frame_id=frame_id)


def _time(time_s: float) -> Time:
    stamp = Time()
    set_stamp(stamp, round(time_s * NANOSECONDS))
    return stamp
