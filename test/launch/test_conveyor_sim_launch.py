"""The launch file, run by the real `launch` where it is installed."""

import importlib.util
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip(
    "launch_ros.actions",
    reason="launch and launch_ros are not installed (there are no wheels)",
)

import launch
from launch.actions import DeclareLaunchArgument
from launch_ros.actions import Node

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.stack import STACK, parameter_file

LAUNCH_FILE = share_folder() / "launch" / "conveyor_sim.launch.py"
RUN = """
import sys
import launch
from launch.launch_description_sources import PythonLaunchDescriptionSource
source = PythonLaunchDescriptionSource(sys.argv[1])
arguments = [tuple(item.split(":=")) for item in sys.argv[2:]]
service = launch.LaunchService()
service.include_launch_description(
    launch.LaunchDescription(
        [launch.actions.IncludeLaunchDescription(source, launch_arguments=arguments)]
    )
)
sys.exit(service.run())
"""


@pytest.fixture(scope="module")
def description() -> launch.LaunchDescription:
    spec = importlib.util.spec_from_file_location("conveyor_sim_launch", LAUNCH_FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def test_the_launch_file_starts_the_nodes_of_the_stack_list(description):
    nodes = [entity for entity in description.entities if isinstance(entity, Node)]
    executables = [node.node_executable for node in nodes]
    assert executables == [node.executable for node in STACK]


def test_the_launch_arguments_are_those_of_nav2(description):
    arguments = {
        entity.name: entity
        for entity in description.entities
        if isinstance(entity, DeclareLaunchArgument)
    }
    assert set(arguments) == {
        "namespace",
        "use_sim_time",
        "params_file",
        "autostart",
        "use_respawn",
        "log_level",
    }
    context = launch.LaunchContext()
    default = arguments["params_file"].default_value
    assert launch.utilities.perform_substitutions(context, default) == str(parameter_file())


def test_a_launched_simulator_runs_in_the_namespace_until_it_is_interrupted():
    import rclpy
    from rosgraph_msgs.msg import Clock

    command = [sys.executable, "-c", RUN, str(LAUNCH_FILE), "namespace:=cell"]
    launched = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("listener", context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    clocks = []
    node.create_subscription(Clock, "/clock", clocks.append, rclpy.qos.qos_profile_sensor_data)
    executor.add_node(node)
    try:
        deadline = time.monotonic() + 30.0
        while len(clocks) < 20 and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.2)
        names = node.get_node_names_and_namespaces()
    finally:
        launched.send_signal(signal.SIGINT)
        output = launched.communicate(timeout=30)[0].decode()
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
    assert len(clocks) >= 20, output
    assert ("conveyor_sim", "/cell") in names
