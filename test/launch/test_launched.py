"""The launch files for real: each scenario is a launch_testing description with its tests.

`launch_test test/launch/conveyor_sim_scenario.py` runs one by hand. Here launch_testing's runner
is called instead of its pytest plugin, which pytest 9 refuses to load.
"""

import importlib
import signal
import subprocess
import sys

import psutil
import pytest

pytest.importorskip("launch_testing", reason="launch_testing comes with an installed ROS 2 only")

from launch_testing.loader import LoadTestsFromPythonModule
from launch_testing.test_runner import LaunchTestRunner

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.demo.domain import domain_environment, free_domain

SCENARIOS = ("conveyor_sim_scenario", "jetson_scenario", "two_robots_scenario")
pytest.register_assert_rewrite("robot_listener", *SCENARIOS)

LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

service = LaunchService()
source = PythonLaunchDescriptionSource(sys.argv[1])
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(source)]))
sys.exit(service.run())
"""


@pytest.fixture(autouse=True)
def own_domain(monkeypatch):
    """A ROS domain for each scenario: one that was killed is remembered for a while."""
    with free_domain() as domain:
        for name, value in domain_environment(domain).items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name):
    module = importlib.import_module(name)
    runner = LaunchTestRunner(LoadTestsFromPythonModule(module, name=module.__name__))
    runner.validate()
    results = runner.run().values()
    assert all(result.testsRun > 0 for result in results)
    wrong = [f"{case}: {why}" for r in results for case, why in (*r.errors, *r.failures)]
    assert not wrong, "\n".join(wrong)
    assert all(result.wasSuccessful() for result in results)


def test_the_end_of_a_needed_node_ends_the_launch_file():
    launch_file = share_folder() / "launch" / "conveyor_sim.launch.py"
    launched = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(launch_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for line in launched.stdout:
            if "lnn_inference" in line and "configure done" in line:
                break
        nodes = {c.name(): c for c in psutil.Process(launched.pid).children(recursive=True)}
        nodes["lnn_inference"].kill()
        output, _ = launched.communicate(timeout=60.0)
        assert "[lnn_inference-3] was required: shutting down" in output
        assert launched.returncode == 0
        assert not any(node.is_running() for node in nodes.values())
    finally:
        if launched.poll() is None:
            launched.send_signal(signal.SIGINT)
            launched.wait(60.0)
