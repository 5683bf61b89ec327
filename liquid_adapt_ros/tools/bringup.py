"""What the launch files are made of: their arguments, and the nodes of `tools/stack.py`.

A launch file is a preset (the parameter file config/<preset>.yaml), whether time is simulated, and
what plays the robot:

    def generate_launch_description():
        return LaunchDescription(bringup("jetson_nano", use_sim_time=False))

All processes start at once and load their files; each node waits for the one before it in the list
to be active (`start_after`), also when it was restarted. A node ends safely by itself, in whatever
order they end: lnn_inference brings the robot to rest.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from launch import LaunchContext, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from liquid_adapt_ros.share import PACKAGE
from liquid_adapt_ros.tools.stack import (
    ENVIRONMENT,
    LEARNING_STACK,
    SIMULATOR,
    StackNode,
    check_node_names,
    model_parameters,
    parameter_file,
)

RESPAWN_DELAY_S = 2.0

# Launch argument -> the topic that it renames, in every node.
TOPIC_ARGUMENTS = {
    "color_topic": "camera/color/image_raw",
    "depth_topic": "camera/aligned_depth_to_color/image_raw",
    "camera_info_topic": "camera/color/camera_info",
    "imu_topic": "imu/data",
    "joint_states_topic": "joint_states",
    "object_pose_topic": "object_pose",
    "hand_guided_topic": "hand_guided",
}


def bringup(
    preset: str,
    *,
    use_sim_time: bool,
    nodes: Sequence[StackNode] = LEARNING_STACK,
    remappings: Sequence[tuple[str, str]] = (),
    parameters: Mapping[str, Mapping[str, LaunchConfiguration]] | None = None,
) -> list[LaunchDescriptionEntity]:
    """The launch arguments and the nodes.

    Args:
        preset: default parameters are those of config/<preset>.yaml.
        use_sim_time: default of the argument of that name.
        nodes: what to start, in the order in which they become active.
        remappings: (from, to) for every node, beside those of TOPIC_ARGUMENTS.
        parameters: {node: {name: value}} that win over params_file.
    """
    own = parameters or {}

    def start(context: LaunchContext) -> list[LaunchDescriptionEntity]:
        check_node_names(Path(LaunchConfiguration("params_file").perform(context)))
        earlier = ["", *(node.name for node in nodes)]
        return [
            _node(context, node, {"start_after": name, **own.get(node.name, {})}, remappings)
            for node, name in zip(nodes, earlier, strict=False)
        ]

    return [*_arguments(preset, use_sim_time), OpaqueFunction(function=start)]


def topic_remappings() -> list[tuple[str, LaunchConfiguration]]:
    """What TOPIC_ARGUMENTS rename in a node."""
    return [(topic, LaunchConfiguration(name)) for name, topic in TOPIC_ARGUMENTS.items()]


def _arguments(preset: str, use_sim_time: bool) -> list[DeclareLaunchArgument]:
    described = {
        "namespace": ("", "Namespace of all nodes and topics."),
        "use_sim_time": (str(use_sim_time).lower(), "Whether the nodes follow /clock."),
        "params_file": (str(parameter_file(preset)), "YAML file with parameters of all nodes."),
        "model": ("", "Folder of the network's files; empty: as params_file says, or as shipped."),
        "autostart": ("true", "Whether nodes activate themselves; if not, a manager must."),
        "use_respawn": ("false", "Whether nodes that die are restarted."),
        "log_level": ("info", "Log level of all nodes."),
    }
    for argument, topic in TOPIC_ARGUMENTS.items():
        described[argument] = (topic, f"Topic that takes the place of {topic}.")
    return [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in described.items()
    ]


def _node(
    context: LaunchContext,
    node: StackNode,
    parameters: Mapping[str, object],
    remappings: Sequence[tuple[str, str]],
) -> Node:
    overrides = {"autostart": _flag(context, "autostart"), **parameters}
    if node is not SIMULATOR:  # it makes the clock
        overrides["use_sim_time"] = _flag(context, "use_sim_time")
    if model := LaunchConfiguration("model").perform(context):
        overrides |= model_parameters(Path(model)).get(node.name, {})
    respawn = _flag(context, "use_respawn")
    ends_all = node.is_needed and not respawn
    return Node(
        package=PACKAGE,
        executable=node.executable,
        name=node.name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), overrides],
        remappings=[*topic_remappings(), *remappings],
        additional_env=ENVIRONMENT,
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        respawn=respawn,
        respawn_delay=RESPAWN_DELAY_S,
        on_exit=[Shutdown()] if ends_all else None,
        output="screen",
    )


def _flag(context: LaunchContext, name: str) -> bool:
    return IfCondition(LaunchConfiguration(name)).evaluate(context)
