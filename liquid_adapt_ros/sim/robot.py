"""Where things sit on the robot, from its description; positions in base_link, m."""

from liquid_adapt_ros.sim.robot_description import ROBOT

_LEFT_WHEEL = ROBOT.joints["left_wheel_joint"]
_BIN = ROBOT.mounts["bin"].pose.xyz

ARM_BASE_M = ROBOT.joints["shoulder_pan_joint"].pose.xyz
TOOL_LENGTH_M = ROBOT.mounts["suction_lip"].pose.xyz[2]  # from the flange to the cup's lip
WHEEL_RADIUS_M = ROBOT.links["left_wheel"].visuals[0].size[0]
WHEEL_TRACK_M = 2.0 * _LEFT_WHEEL.pose.xyz[1]
WHEEL_TORQUE_NM = _LEFT_WHEEL.effort_nm
IMU_M = ROBOT.mounts["imu_link"].pose.xyz
CAMERA_M = ROBOT.mounts["camera_link"].pose.xyz
CAMERA_AIM_M = ROBOT.mounts["camera_aim"].pose.xyz

BIN_CENTRE_M = _BIN[:2]
BIN_FLOOR_Z_M = _BIN[2]
BIN_HALF_SIZE_M = 0.5 * ROBOT.links["bin_floor"].visuals[0].size[0]
BIN_RIM_Z_M = BIN_FLOOR_Z_M + ROBOT.links["bin_wall_front"].visuals[0].size[2]
