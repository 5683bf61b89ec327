"""Universal Robots UR5e: kinematics and limits.

The figures are those of the robot's description (urdf/ur5e.xacro names their sources).
Standard DH: T_i = RotZ(theta_i) TransZ(d_i) TransX(a_i) RotX(alpha_i).
"""

import math

import numpy as np

from liquid_adapt_ros.sim.robot_description import ROBOT

JOINT_NAMES = (
    "shoulder_pan_joint",
    "shoulder_lift_joint",
    "elbow_joint",
    "wrist_1_joint",
    "wrist_2_joint",
    "wrist_3_joint",
)
LINK_NAMES = ("shoulder", "upper_arm", "forearm", "wrist_1", "wrist_2", "wrist_3")

_JOINTS = tuple(ROBOT.joints[name] for name in JOINT_NAMES)
# Where each link ends: at the next joint, the last at the flange.
_ENDS = tuple(joint.pose for joint in _JOINTS[1:]) + (ROBOT.mounts["tool0"].pose,)

DH_A_M = tuple(end.xyz[0] for end in _ENDS)
DH_D_M = tuple(end.xyz[2] for end in _ENDS)
DH_ALPHA_RAD = tuple(end.rpy[0] for end in _ENDS)

MAX_TORQUE_NM = tuple(joint.effort_nm for joint in _JOINTS)
MAX_VELOCITY_RAD_S = tuple(joint.velocity_rad_s for joint in _JOINTS)

_LINKS = tuple(
    (math.cos(alpha), math.sin(alpha), a, d)
    for alpha, a, d in zip(DH_ALPHA_RAD, DH_A_M, DH_D_M, strict=True)
)


def joint_frames(q: np.ndarray) -> np.ndarray:
    """Poses (7, 4, 4) in the arm's base frame: the base, then the DH frame of each link.

    q: joint positions (6,), rad. The axis of joint i is z of frame i.
    """
    frames = np.empty((7, 4, 4))
    frame = np.eye(4)
    frames[0] = frame
    for index, ((ca, sa, a, d), theta) in enumerate(zip(_LINKS, q, strict=True)):
        c, s = math.cos(theta), math.sin(theta)
        link = np.array(
            (
                (c, -s * ca, s * sa, a * c),
                (s, c * ca, -c * sa, a * s),
                (0.0, sa, ca, d),
                (0.0, 0.0, 0.0, 1.0),
            )
        )
        frame = frame @ link
        frames[index + 1] = frame
    return frames


def forward_kinematics(q: np.ndarray) -> np.ndarray:
    """Pose (4, 4) of the tool flange in the arm's base frame for joint positions q (6,), rad."""
    return joint_frames(q)[6]


def point_jacobian(frames: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Jacobian (6, 6), linear rows above angular ones, of a point (3,) fixed to the last link.

    frames: as joint_frames returns them; point and result in the arm's base frame.
    """
    axes = frames[:6, :3, 2]
    lever = point - frames[:6, :3, 3]
    jacobian = np.empty((6, 6))
    jacobian[0] = axes[:, 1] * lever[:, 2] - axes[:, 2] * lever[:, 1]
    jacobian[1] = axes[:, 2] * lever[:, 0] - axes[:, 0] * lever[:, 2]
    jacobian[2] = axes[:, 0] * lever[:, 1] - axes[:, 1] * lever[:, 0]
    jacobian[3:] = axes.T
    return jacobian


def jacobian(q: np.ndarray) -> np.ndarray:
    """Jacobian (6, 6) of the flange for q (6,): [m/s; rad/s] per rad/s, arm's base frame."""
    frames = joint_frames(q)
    return point_jacobian(frames, frames[6, :3, 3])
