"""Every launch file, resolved with all its substitutions but without starting a process."""

from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("launch_ros.actions", reason="launch_ros comes with an installed ROS 2 only")

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.utilities import perform_substitutions
from launch_ros.actions import Node, PushRosNamespace

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.stack import ENVIRONMENT, LEARNING_STACK, STACK, parameter_file

NODES = {"conveyor_sim": STACK, "jetson_nano": LEARNING_STACK, "xavier_nx": LEARNING_STACK}
SIMULATED_TIME = {"conveyor_sim": "true", "jetson_nano": "false", "xavier_nx": "false"}
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
}
each_file = pytest.mark.parametrize("name", NODES)


@dataclass
class Resolved:
    """What a node would be started with, every substitution made."""

    name: str
    command: list[str]
    parameters: dict[str, object]
    remappings: dict[str, str]
    action: Node


def source(name: str) -> PythonLaunchDescriptionSource:
    return PythonLaunchDescriptionSource(str(share_folder() / "launch" / f"{name}.launch.py"))


def resolved(name: str, **arguments: str) -> dict[str, Resolved]:
    """The nodes {executable: Resolved} that a launch file starts, in order."""
    return nodes_of(IncludeLaunchDescription(source(name), launch_arguments=arguments.items()))


def nodes_of(entity) -> dict[str, Resolved]:
    context, nodes, waiting = LaunchContext(), {}, [entity]
    while waiting:
        entity = waiting.pop(0)
        if isinstance(entity, Node):
            nodes[entity.node_executable] = start_of(entity, context)
        else:
            waiting = [*(entity.visit(context) or []), *waiting]
    return nodes


def start_of(node: Node, context: LaunchContext) -> Resolved:
    node._perform_substitutions(context)
    context.extend_locals({"ros_specific_arguments": {"name": "", "ns": ""}})
    node.prepare(context)
    command = node.process_details["cmd"]
    after = list(zip(command, command[1:], strict=False))
    parameters = {}
    for path in [value for option, value in after if option == "--params-file"]:
        for key, section in yaml.safe_load(Path(path).read_text()).items():
            if key in (node.node_name, f"/**/{node.node_executable}"):
                parameters.update(section["ros__parameters"])
    remappings = dict(value.split(":=") for option, value in after if option == "-r" and value)
    return Resolved(node.node_name, command, parameters, remappings, node)


@each_file
def test_every_launch_file_has_the_arguments_of_nav2_and_the_robot_s_topics(name):
    context = LaunchContext()
    description: LaunchDescription = source(name).get_launch_description(context)
    declared = [e for e in description.entities if isinstance(e, DeclareLaunchArgument)]
    defaults = {e.name: perform_substitutions(context, e.default_value) for e in declared}
    own = {"params_file": str(parameter_file(name)), "use_sim_time": SIMULATED_TIME[name]}
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
        follows = SIMULATED_TIME[name] == "true" and executable != "conveyor_sim"
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
    nodes = nodes_of(GroupAction([PushRosNamespace("cell"), include]))
    assert [node.name for node in nodes.values()] == [f"/cell/{node.name}" for node in NODES[name]]
