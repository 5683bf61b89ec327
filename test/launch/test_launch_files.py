"""Every launch file, resolved with all its substitutions but without starting a process."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("launch_ros.actions", reason="launch_ros comes with an installed ROS 2 only")

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    GroupAction,
    IncludeLaunchDescription,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.utilities import perform_substitutions
from launch_ros.actions import Node, PushRosNamespace

from liquid_adapt_ros.share import PACKAGE, share_folder
from liquid_adapt_ros.tools.stack import (
    ENVIRONMENT,
    GAZEBO_CELL,
    LEARNING_STACK,
    STACK,
    parameter_file,
)

NODES = {
    "conveyor_sim": STACK,
    "gazebo_conveyor": (GAZEBO_CELL, *LEARNING_STACK),
    "jetson_nano": LEARNING_STACK,
    "xavier_nx": LEARNING_STACK,
}
SIMULATED = {"conveyor_sim", "gazebo_conveyor"}
GAZEBO_ARGUMENTS = ("simulator", "belt", "render_engine", "headless")
GAZEBO_PACKAGES = ("ros_gz_sim", "ros_gz_bridge", "robot_state_publisher", "controller_manager")
ARGUMENTS = {
    "namespace": "",
    "params_file": None,  # of the preset
    "use_sim_time": None,  # of the preset
    "model": "",
    "autostart": "true",
    "use_respawn": "false",
    "log_level": "info",
    "color_topic": "camera/color/image_raw",
    "depth_topic": "camera/aligned_depth_to_color/image_raw",
    "camera_info_topic": "camera/color/camera_info",
    "imu_topic": "imu/data",
    "joint_states_topic": "joint_states",
    "object_pose_topic": "object_pose",
    "hand_guided_topic": "hand_guided",
}
each_file = pytest.mark.parametrize("name", NODES)


@dataclass
class Resolved:
    """What a node would be started with, every substitution made."""

    package: str
    name: str
    command: list[str]
    parameters: dict[str, object]
    remappings: dict[str, str]
    action: ExecuteProcess


@pytest.fixture(autouse=True)
def installed(request):
    """Skip what needs packages that are not there."""
    if "gazebo" in request.node.name:
        pytest.importorskip("xacro", reason="xacro is not installed")
        for package in GAZEBO_PACKAGES:
            try:
                get_package_prefix(package)
            except PackageNotFoundError:
                pytest.skip(f"{package} is not installed (it comes with Gazebo for ROS 2)")


def source(name: str) -> PythonLaunchDescriptionSource:
    return PythonLaunchDescriptionSource(str(share_folder() / "launch" / f"{name}.launch.py"))


def resolved(name: str, **arguments: str) -> dict[str, Resolved]:
    """Our nodes {executable: Resolved} that a launch file starts, in order."""
    processes = processes_of(
        IncludeLaunchDescription(source(name), launch_arguments=arguments.items())
    )
    return {key: node for key, node in processes.items() if node.package == PACKAGE}


def processes_of(entity) -> dict[str, Resolved]:
    """What an entity would start {executable: Resolved}, in order, with nothing started."""
    context, processes, waiting = LaunchContext(), {}, [entity]
    while waiting:
        entity = waiting.pop(0)
        if isinstance(entity, Node):
            processes[entity.node_executable] = start_of(entity, context)
        elif isinstance(entity, ExecuteProcess):
            entity.prepare(context)
            command = " ".join(entity.process_details["cmd"])
            processes[command.split()[0]] = Resolved("", "", [command], {}, {}, entity)
        else:
            waiting = [*(entity.visit(context) or []), *waiting]
    return processes


def start_of(node: Node, context: LaunchContext) -> Resolved:
    node._perform_substitutions(context)
    names = {"name": "", "ns": f"__ns:={node.node_name.rpartition('/')[0]}"}
    context.extend_locals({"ros_specific_arguments": names})
    node.prepare(context)
    command = node.process_details["cmd"]
    options = list(zip(command, command[1:], strict=False))
    parameters = {}
    for path in [value for option, value in options if option == "--params-file"]:
        for key, section in yaml.safe_load(Path(path).read_text()).items():
            if key in ("/**", node.node_name, f"/**/{node.node_executable}"):
                parameters.update(section["ros__parameters"])
    remappings = dict(value.split(":=") for option, value in options if option == "-r" and value)
    return Resolved(node.node_package, node.node_name, command, parameters, remappings, node)


@each_file
def test_every_launch_file_has_the_arguments_of_nav2_and_the_robot_s_topics(name):
    context = LaunchContext()
    description: LaunchDescription = source(name).get_launch_description(context)
    declared = [e for e in description.entities if isinstance(e, DeclareLaunchArgument)]
    defaults = {e.name: perform_substitutions(context, e.default_value) for e in declared}
    for extra in GAZEBO_ARGUMENTS if name == "gazebo_conveyor" else ():
        del defaults[extra]
    own = {
        "params_file": str(parameter_file(name)),
        "use_sim_time": str(name in SIMULATED).lower(),
    }
    assert defaults == ARGUMENTS | own
    assert all(argument.description for argument in declared)


@each_file
def test_the_nodes_of_the_stack_list_follow_each_other(name):
    nodes = resolved(name)
    assert list(nodes) == [node.executable for node in NODES[name]]
    waits_for = [node.parameters["start_after"] for node in nodes.values()]
    assert waits_for == ["", *list(nodes)[:-1]]
    for executable, node in nodes.items():
        assert node.name == f"/{executable}"
        assert node.command[0].endswith(f"/lib/liquid_adapt_ros/{executable}")
        assert node.parameters["autostart"] is True
        follows = name in SIMULATED and executable != "conveyor_sim"
        assert node.parameters.get("use_sim_time", False) is follows
        environment = {key[0].text: value[0].text for key, value in node.action.additional_env}
        assert environment == ENVIRONMENT


@each_file
def test_the_arguments_reach_every_node(name, tmp_path):
    parameters = tmp_path / "own.yaml"
    parameters.write_text("/**/lnn_inference: {ros__parameters: {input_timeout_s: 0.25}}\n")
    nodes = resolved(
        name,
        namespace="cell",
        params_file=str(parameters),
        model="/models",
        autostart="false",
        use_sim_time="false",
        log_level="debug",
        color_topic="/camera/camera/color/image_raw",
        imu_topic="imu",
    )
    for executable, node in nodes.items():
        assert node.name == f"/cell/{executable}"
        assert node.parameters["autostart"] is False
        assert not node.parameters.get("use_sim_time", False)
        assert node.command[node.command.index("--log-level") + 1] == "debug"
        assert node.remappings["camera/color/image_raw"] == "/camera/camera/color/image_raw"
        assert node.remappings["imu/data"] == "imu"
        assert node.remappings["joint_states"] == "joint_states"
    model = "/models/conveyor_policy.safetensors"
    assert nodes["lnn_inference"].parameters["input_timeout_s"] == 0.25
    assert nodes["lnn_inference"].parameters["model_file"] == model
    assert nodes["sensor_fusion"].parameters["encoder_file"] == "/models/conveyor_encoder.onnx"


def test_each_simulator_has_a_clock_of_its_own_and_robots_share_one():
    assert all(node.remappings["/clock"] == "clock" for node in resolved("conveyor_sim").values())
    assert not any("/clock" in node.remappings for node in resolved("jetson_nano").values())


@each_file
def test_an_including_launch_file_can_give_the_namespace(name):
    include = IncludeLaunchDescription(source(name))
    started = processes_of(GroupAction([PushRosNamespace("cell"), include]))
    ours = [node.name for node in started.values() if node.package == PACKAGE]
    assert ours == [f"/cell/{node.name}" for node in NODES[name]]
    if name == "gazebo_conveyor":
        robot = started["robot_state_publisher"].parameters["robot_description"]
        assert "<namespace>/cell</namespace>" in robot


def gazebo(**arguments: str) -> dict[str, Resolved]:
    return processes_of(
        IncludeLaunchDescription(source("gazebo_conveyor"), launch_arguments=arguments.items())
    )


@pytest.mark.parametrize("simulator", ["harmonic", "fortress"])
def test_gazebo_gets_the_world_and_the_robot_of_its_version(simulator):
    started = gazebo(simulator=simulator, belt="prismatic", render_engine="ogre")
    world = world_of(started)
    plugins = {plugin.get("name") for plugin in world.iter("plugin")}
    own = "ignition::gazebo::systems::" if simulator == "fortress" else "gz::sim::systems::"
    assert f"{own}Physics" in plugins and f"{own}TrackController" not in plugins
    assert world.find(".//render_engine").text == "ogre"
    robot = started["robot_state_publisher"].parameters["robot_description"]
    assert f"{own}PosePublisher" in robot
    assert started["gazebo_cell"].parameters["simulator"] == simulator


def test_gazebo_has_a_window_unless_it_is_headless():
    assert "-s" not in simulator_of(gazebo()).command[0].split()
    assert "-s" in simulator_of(gazebo(headless="true")).command[0].split()


def test_all_that_plays_the_robot_is_in_its_namespace_and_time():
    started = gazebo(namespace="cell", color_topic="color")
    for executable in ("robot_state_publisher", "parameter_bridge", "create", "spawner"):
        node = started[executable]
        assert "__ns:=/cell" in node.command, executable
        assert node.parameters["use_sim_time"] is True
    robot = started["robot_state_publisher"].parameters["robot_description"]
    assert "<namespace>/cell</namespace>" in robot
    assert started["parameter_bridge"].remappings["camera/color/image_raw"] == "color"
    assert Path(started["parameter_bridge"].parameters["config_file"]).is_file()
    assert ElementTree.fromstring(robot).get("name") in started["create"].command
    controllers = yaml.safe_load(after(started["spawner"].command, "--param-file").read_text())
    known = controllers["/**/controller_manager"]["ros__parameters"]
    spawned = [word for word in started["spawner"].command if word in known]
    assert sorted(spawned) == sorted(k for k, v in known.items() if isinstance(v, dict))


def simulator_of(started: dict[str, Resolved]) -> Resolved:
    return next(process for process in started.values() if not process.package)


def world_of(started: dict[str, Resolved]) -> ElementTree.Element:
    words = simulator_of(started).command[0].split()
    path = next(word for word in words if word.endswith(".sdf"))
    return ElementTree.parse(path).getroot().find("world")


def after(command: list[str], option: str) -> Path:
    return Path(command[command.index(option) + 1])
