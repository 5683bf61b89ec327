"""Every quality-of-service profile of the package, one constant per kind of topic.

Sensor streams are best effort and shallow: a late sample is worth less than the next one.
Commands, weights and reports are reliable. Weight updates are also transient local, so that a
node that starts late gets the newest weights at once (and because a 2 MB message sent best
effort is often lost).
"""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


def _best_effort(depth: int) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


def _reliable(depth: int, durability: DurabilityPolicy = DurabilityPolicy.VOLATILE) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=durability,
    )


# camera/color/image_raw, camera/aligned_depth_to_color/image_raw, camera/color/camera_info
IMAGE = _best_effort(2)
# imu/data, joint_states, odom
SENSOR = _best_effort(10)
# object_pose
OBJECT_POSE = _reliable(10)
# sim/robot/pose, sim/OBJECT/pose as gazebo_cell reads them: the bridge sends them reliably
GROUND_TRUTH = _reliable(50)
# planner/joint_command, planner/cmd_vel
PLANNER = _best_effort(10)
# fused_state, policy_action: the publishers and lnn_inference
FUSED_STATE = _best_effort(10)
POLICY_ACTION = _best_effort(10)
# the same two topics as the trainer and recorders read them: 2 s may queue up during a training
# step without a gap in the window
FUSED_STATE_WINDOW = _best_effort(200)
POLICY_ACTION_WINDOW = _best_effort(200)
# joint_velocity_controller/commands, joint_trajectory_controller/joint_trajectory, cmd_vel,
# gripper_controller/commands
COMMAND = _reliable(1)
# predicted_object_pose, prediction_marker: RViz asks for reliable ones
PREDICTION = _reliable(1)
# weight_update
WEIGHT_UPDATE = _reliable(1, DurabilityPolicy.TRANSIENT_LOCAL)
# adaptation_status, sim/truth, /diagnostics
REPORT = _reliable(10)
# hand_guided: what publishes a mode sends it reliably
MODE = _reliable(1)
# /clock, as published by the simulator
CLOCK = _best_effort(1)
