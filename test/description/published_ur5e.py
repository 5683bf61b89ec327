"""The UR5e's figures, typed from their sources once more: what the description is held against.

Universal Robots, "DH parameters for calculations of kinematics and dynamics";
Universal_Robots_ROS2_Description, config/ur5e (physical_parameters.yaml, joint_limits.yaml).
"""

import math

A_M = (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0)
D_M = (0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996)
ALPHA_RAD = (math.pi / 2, 0.0, 0.0, math.pi / 2, -math.pi / 2, 0.0)

MASS_KG = (3.761, 8.058, 2.846, 1.37, 1.3, 0.365)
# Centre of mass of each link in the DH frame of its far end, m.
CENTRE_OF_MASS_M = (
    (0.0, -0.02561, 0.00193),
    (0.2125, 0.0, 0.11336),
    (0.15, 0.0, 0.0265),
    (0.0, -0.0018, 0.01634),
    (0.0, 0.0018, 0.01634),
    (0.0, 0.0, -0.001159),
)
# (ixx, ixy, ixz, iyy, iyz, izz) about the centre of mass, axes of that DH frame, kg m^2.
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
