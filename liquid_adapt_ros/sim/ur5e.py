"""Universal Robots UR5e: kinematics, masses, inertias and limits as published.

Sources: Universal Robots, "DH parameters for calculations of kinematics and dynamics" (DH table,
masses, centres of mass); Universal_Robots_ROS2_Description config/ur5e, BSD-3:
physical_parameters.yaml and joint_limits.yaml (inertia tensors, torque and velocity limits).
Standard DH: T_i = RotZ(theta_i) TransZ(d_i) TransX(a_i) RotX(alpha_i).
"""

import math

import numpy as np

JOINT_NAMES = (
    "shoulder_pan_joint",
    "shoulder_lift_joint",
    "elbow_joint",
    "wrist_1_joint",
    "wrist_2_joint",
    "wrist_3_joint",
)
LINK_NAMES = ("shoulder", "upper_arm", "forearm", "wrist_1", "wrist_2", "wrist_3")

DH_A_M = (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)
DH_D_M = (0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996)
DH_ALPHA_RAD = (math.pi / 2, 0.0, 0.0, math.pi / 2, -math.pi / 2, 0.0)

MASS_KG = (3.761, 8.058, 2.846, 1.37, 1.3, 0.365)
# Centre of mass of each link in its own DH frame, m.
CENTRE_OF_MASS_M = (
    (0.0, -0.02561, 0.00193),
    (0.2125, 0.0, 0.11336),
    (0.15, 0.0, 0.0265),
    (0.0, -0.0018, 0.01634),
    (0.0, 0.0018, 0.01634),
    (0.0, 0.0, -0.001159),
)
# (ixx, ixy, ixz, iyy, iyz, izz) about the centre of mass, axes of the DH frame, kg m^2.
INERTIA_KG_M2 = (
    (0.00700210, 0.00000073, -0.00001053, 0.00648091, 0.00049994, 0.00657286),
    (0.01505885, -0.00005400, 0.00000563, 0.33388086, -0.00000181, 0.33247207),
    (0.00399632, -0.00001365, 0.00137272, 0.07879254, -0.00000660, 0.07848510),
    (0.00165491, -0.00000282, -0.00000438, 0.00135962, 0.00010157, 0.00126279),
    (0.00135617, -0.00000274, 0.00000444, 0.00127827, -0.00005048, 0.00096614),
    (0.00018694, 0.00000006, -0.00000017, 0.00018908, -0.00000092, 0.00025756),
)

MAX_TORQUE_NM = (150.0, 150.0, 150.0, 28.0, 28.0, 28.0)
MAX_VELOCITY_RAD_S = (math.pi,) * 6
POSITION_LIMIT_RAD = (2 * math.pi, 2 * math.pi, math.pi, 2 * math.pi, 2 * math.pi, 2 * math.pi)

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
