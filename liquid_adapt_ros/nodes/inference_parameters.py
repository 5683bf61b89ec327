"""The parameters of lnn_inference, and the limits that they make."""

from collections.abc import Mapping
from typing import Any

from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.nodes.shipped import MODEL_FILE
from liquid_adapt_ros.nodes.standard_outputs import ARM_COMMANDS, BASE_COMMANDS
from liquid_adapt_ros.onnx_session import PROVIDERS
from liquid_adapt_ros.runtime.limits import ActionLimits

JOINTS = 6
# A smooth stop from the highest velocity must not take longer than this [s]: `ros2 launch` kills a
# node 10 s after Ctrl-C.
LONGEST_STOP_S = 5.0
# The limits of velocity, and of the acceleration that stops it.
VELOCITY_LIMITS = {
    "joint_max_velocity_rad_s": "joint_max_acceleration_rad_s2",
    "base_max_velocity": "base_max_acceleration",
}

PARAMETERS = (
    MODEL_FILE,
    Parameter(
        "core_engine",
        "compiled",
        "What runs the network: the compiled core, or ONNX Runtime with core_file.",
        read_only=True,
        choices=("compiled", "onnx"),
    ),
    Parameter(
        "core_file",
        "",
        "The policy_step.onnx that export_model made of model_file, for core_engine onnx.",
        read_only=True,
    ),
    Parameter(
        "core_provider",
        "cpu",
        "Execution provider of ONNX Runtime, for core_engine onnx.",
        read_only=True,
        choices=tuple(PROVIDERS),
    ),
    Parameter(
        "arm_command",
        "velocities",
        "Message for the arm: velocities (Float64MultiArray) or trajectory (JointTrajectory).",
        read_only=True,
        choices=tuple(ARM_COMMANDS),
    ),
    Parameter(
        "base_command",
        "twist_stamped",
        "Message for the base: twist_stamped (TwistStamped) or twist (Twist).",
        read_only=True,
        choices=tuple(BASE_COMMANDS),
    ),
    Parameter(
        "publish_predicted_pose",
        False,
        "Whether the prediction is also published as PoseStamped (predicted_object_pose).",
        read_only=True,
    ),
    Parameter(
        "publish_prediction_marker",
        False,
        "Whether the prediction is also published as Marker for RViz (prediction_marker).",
        read_only=True,
    ),
    Parameter("base_frame", "base_link", "frame_id of policy_action and cmd_vel.", read_only=True),
    Parameter(
        "input_timeout_s",
        0.1,
        "Longest silence of fused_state on the node's clock before a smooth stop [s].",
        0.02,
        10.0,
    ),
    Parameter(
        "input_timeout_real_s",
        0.5,
        "The same in real time; it also holds while a simulated clock stands still [s].",
        0.02,
        60.0,
    ),
    Parameter("input_max_age_s", 0.1, "Oldest fused_state that moves the robot [s].", 0.0, 10.0),
    Parameter("camera_max_age_s", 1.0, "Oldest picture that moves the robot [s].", 0.0, 60.0),
    Parameter("imu_max_age_s", 0.5, "Oldest IMU sample that moves the robot [s].", 0.0, 60.0),
    Parameter("joint_max_age_s", 0.1, "Oldest joint sample that moves the robot [s].", 0.0, 60.0),
    Parameter(
        "joint_max_velocity_rad_s",
        (3.14159,) * JOINTS,
        "Largest velocity of each joint; the default is the UR5e's [rad/s].",
        1e-3,
        100.0,
        any_length=True,
    ),
    Parameter(
        "joint_max_acceleration_rad_s2",
        (15.0,) * JOINTS,
        "Largest acceleration of each joint; it stops the joint within 5 s [rad/s^2].",
        1e-3,
        1000.0,
        any_length=True,
    ),
    Parameter(
        "base_max_velocity",
        (0.6, 1.0),
        "Largest velocity of the base: linear [m/s], angular [rad/s].",
        1e-3,
        100.0,
    ),
    Parameter(
        "base_max_acceleration",
        (1.0, 2.0),
        "Largest acceleration of the base, likewise: linear [m/s^2], angular [rad/s^2].",
        1e-3,
        1000.0,
    ),
)


def action_limits(values: Mapping[str, Any], joints: int) -> ActionLimits:
    """The limits of what leaves for the controllers.

    joints: of the model. Raises ValueError, with the parameter's name, for another number of them
    and for an acceleration that takes longer than LONGEST_STOP_S to stop.
    """
    for name in ("joint_max_velocity_rad_s", "joint_max_acceleration_rad_s2"):
        if len(values[name]) != joints:
            raise ValueError(f"{name} is for {len(values[name])} joints, the model has {joints}")
    for velocity, acceleration in VELOCITY_LIMITS.items():
        for fastest, slowing in zip(values[velocity], values[acceleration], strict=True):
            if fastest > LONGEST_STOP_S * slowing:
                raise ValueError(
                    f"{acceleration} must be at least {fastest / LONGEST_STOP_S:g} for "
                    f"{velocity} {fastest:g}, to stop within {LONGEST_STOP_S:g} s, not {slowing:g}"
                )
    return ActionLimits(
        values["joint_max_velocity_rad_s"],
        values["joint_max_acceleration_rad_s2"],
        values["base_max_velocity"],
        values["base_max_acceleration"],
    )
