"""The simulated conveyor with the whole learning stack.

Starts the nodes of `tools/stack.py`, the list that the demo uses too. Arguments:
`ros2 launch liquid_adapt_ros conveyor_sim.launch.py --show-args`.
"""

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription
from liquid_adapt_ros.share import PACKAGE
from liquid_adapt_ros.tools.stack import SIMULATOR, STACK, StackNode, parameter_file

RESPAWN_DELAY_S = 2.0


def _arguments() -> list[DeclareLaunchArgument]:
    return [
        DeclareLaunchArgument(
            "namespace", default_value="", description="Namespace of all nodes."
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="true",
            description="Whether the learning nodes follow the simulator's /clock.",
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(parameter_file()),
            description="YAML file with the parameters of all nodes.",
        ),
        DeclareLaunchArgument(
            "autostart",
            default_value="true",
            description="Whether the nodes activate themselves; if not, a lifecycle manager must.",
        ),
        DeclareLaunchArgument(
            "use_respawn",
            default_value="false",
            description="Whether nodes that die are restarted.",
        ),
        DeclareLaunchArgument(
            "log_level", default_value="info", description="Log level of all nodes."
        ),
    ]


def _node(node: StackNode) -> Node:
    overrides = {"autostart": _flag("autostart")}
    if node is not SIMULATOR:  # it makes the clock
        overrides["use_sim_time"] = _flag("use_sim_time")
    return Node(
        package=PACKAGE,
        executable=node.executable,
        name=node.name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), overrides],
        respawn=LaunchConfiguration("use_respawn"),
        respawn_delay=RESPAWN_DELAY_S,
        output="screen",
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
    )


def _flag(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=bool)


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`."""
    return LaunchDescription([*_arguments(), *map(_node, STACK)])
