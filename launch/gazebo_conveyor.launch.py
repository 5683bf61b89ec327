"""The conveyor cell in Gazebo (Harmonic or Fortress), with the learning stack."""

from pathlib import Path

import xacro
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.logging import launch_config
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from launch_ros.utilities import prefix_namespace

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.bringup import bringup, topic_remappings
from liquid_adapt_ros.tools.stack import GAZEBO_CELL, LEARNING_STACK

ROBOT = "liquid_robot"
CONTROLLERS = ("joint_state_broadcaster", "joint_velocity_controller", "diff_drive_controller")
# Gazebo loads the robot with its controller_manager in this time, also on a slow machine.
CONTROLLER_TIMEOUT_S = "120"


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`."""
    simulator = {GAZEBO_CELL.name: {"simulator": LaunchConfiguration("simulator")}}
    return LaunchDescription(
        [
            *_arguments(),
            *bringup(
                "gazebo_conveyor",
                use_sim_time=True,
                nodes=(GAZEBO_CELL, *LEARNING_STACK),
                parameters=simulator,
            ),
            OpaqueFunction(function=_gazebo),
        ]
    )


def _arguments() -> list[DeclareLaunchArgument]:
    return [
        DeclareLaunchArgument(
            "simulator",
            default_value="harmonic",
            choices=["harmonic", "fortress"],
            description="Which Gazebo is installed.",
        ),
        DeclareLaunchArgument(
            "belt",
            default_value="track",
            choices=["track", "prismatic"],
            description="Endless belt, or one of finite travel for physics libraries without "
            "contact surface properties.",
        ),
        DeclareLaunchArgument(
            "render_engine",
            default_value="ogre2",
            choices=["ogre2", "ogre"],
            description="What draws the camera's pictures.",
        ),
        DeclareLaunchArgument(
            "headless", default_value="false", description="Whether Gazebo runs without a window."
        ),
    ]


def _gazebo(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    argument = {
        name: LaunchConfiguration(name).perform(context)
        for name in ("simulator", "belt", "render_engine", "headless")
    }
    share = share_folder()
    world = _expanded(
        share / "worlds" / "conveyor.sdf.xacro",
        {name: argument[name] for name in ("simulator", "belt", "render_engine")},
    )
    world_file = Path(launch_config.log_dir) / "conveyor.sdf"  # Gazebo takes a file
    world_file.write_text(world, encoding="utf-8")
    controllers = str(share / "config" / "gazebo_controllers.yaml")
    robot = _expanded(
        share / "urdf" / "liquid_robot.urdf.xacro",
        {
            "simulator": argument["simulator"],
            "namespace": _namespace(context),
            "controllers": controllers,
        },
    )
    window = "-s --headless-rendering " if argument["headless"] == "true" else ""
    return [
        _gz_sim(f"-r {window}{world_file}"),
        _beside("robot_state_publisher", "robot_state_publisher", {"robot_description": robot}),
        _beside(
            "ros_gz_bridge",
            "parameter_bridge",
            {"config_file": str(share / "config" / "gz_bridge.yaml")},
            remappings=topic_remappings(),
        ),
        _beside(
            "ros_gz_sim",
            "create",
            arguments=["-world", "conveyor", "-name", ROBOT, "-topic", "robot_description"],
        ),
        _beside(
            "controller_manager",
            "spawner",
            arguments=[
                *CONTROLLERS,
                "--controller-manager-timeout",
                CONTROLLER_TIMEOUT_S,
                "--param-file",
                controllers,
            ],
        ),
    ]


def _namespace(context: LaunchContext) -> str:
    """Of the robot, without the leading slash: that of an including launch file and our own."""
    own = LaunchConfiguration("namespace").perform(context)
    return prefix_namespace(context.launch_configurations.get("ros_namespace"), own).strip("/")


def _expanded(file: Path, arguments: dict[str, str]) -> str:
    return xacro.process_file(str(file), mappings=arguments).toxml()


def _gz_sim(arguments: str) -> IncludeLaunchDescription:
    path = PathJoinSubstitution([FindPackageShare("ros_gz_sim"), "launch", "gz_sim.launch.py"])
    given = {"gz_args": arguments, "on_exit_shutdown": "true"}
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path), launch_arguments=given.items()
    )


def _beside(
    package: str,
    executable: str,
    parameters: dict[str, object] | None = None,
    **options: object,
) -> Node:
    """A node of another package, in the robot's namespace and time."""
    return Node(
        package=package,
        executable=executable,
        namespace=LaunchConfiguration("namespace"),
        parameters=[{"use_sim_time": True, **(parameters or {})}],
        output="screen",
        **options,
    )
