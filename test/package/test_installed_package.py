"""The package as it was built and installed, which is what all tests run on."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")
packages = pytest.importorskip("ament_index_python.packages")

REPOSITORY = Path(__file__).parents[2]
MESSAGES = sorted(path.stem for path in (REPOSITORY / "msg").glob("*.msg"))

sys.path.insert(0, str(REPOSITORY / "scripts"))
write_executables = importlib.import_module("write_executables")
sys.path.pop(0)
EXECUTABLES = write_executables.console_scripts(REPOSITORY / "setup.cfg")


@pytest.fixture(scope="module")
def prefix():
    return Path(packages.get_package_prefix("liquid_adapt_ros"))


def test_tests_import_the_installed_package_not_the_source_folder(prefix):
    import liquid_adapt_ros

    assert Path(liquid_adapt_ros.__file__).is_relative_to(prefix)


def test_discovery_stays_on_this_machine_in_a_domain_of_this_test(ros_domain):
    assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert os.environ["ROS_DOMAIN_ID"] == str(ros_domain) != "0"


@pytest.mark.parametrize("name", MESSAGES)
def test_message_is_importable_and_has_compiled_support(name):
    message_type = getattr(importlib.import_module("liquid_adapt_ros.msg"), name)
    message_type.__class__.__import_type_support__()
    assert message_type.__class__._TYPE_SUPPORT is not None


def test_executables_are_those_of_setup_cfg(prefix):
    folder = prefix / "lib" / "liquid_adapt_ros"
    assert sorted(path.name for path in folder.iterdir()) == sorted(EXECUTABLES)
    assert all(os.access(folder / name, os.X_OK) for name in EXECUTABLES)


@pytest.mark.parametrize("name", EXECUTABLES)
def test_executable_names_a_function_that_exists(name):
    module, function = EXECUTABLES[name]
    assert callable(getattr(importlib.import_module(module), function))


def test_every_node_of_the_stack_is_an_executable():
    from liquid_adapt_ros.tools.stack import STACK

    assert {node.executable for node in STACK} <= EXECUTABLES.keys()


def test_messages_are_found_from_the_source_folder_too():
    code = "import liquid_adapt_ros, liquid_adapt_ros.msg; print(liquid_adapt_ros.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(REPOSITORY / "liquid_adapt_ros" / "__init__.py")


def test_package_xml_and_setup_cfg_agree():
    package = importlib.import_module("catkin_pkg.package").parse_package(REPOSITORY)
    setup_cfg = (REPOSITORY / "setup.cfg").read_text()
    assert f"name = {package.name}\n" in setup_cfg
    assert f"version = {package.version}\n" in setup_cfg
    assert f"description = {package.description}\n" in setup_cfg
    assert f"license = {package.licenses[0]}\n" in setup_cfg
