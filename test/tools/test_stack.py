"""The one list of nodes."""

import configparser
import importlib
import sys
from pathlib import Path

import pytest
import yaml

from liquid_adapt_ros.nodes.lifecycle import COMMON_PARAMETERS
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.stack import (
    LEARNING_STACK,
    NODES,
    SIMULATOR,
    STACK,
    check_node_names,
    model_parameters,
    node_command,
    parameter_file,
    scenario_file,
)

PRESETS = sorted(
    path.name.removesuffix(".launch.py")
    for path in (share_folder() / "launch").glob("*.launch.py")
)
SETUP_CFG = Path(__file__).parents[2] / "setup.cfg"


def test_every_node_is_an_executable_of_setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(SETUP_CFG)
    scripts = parser["options.entry_points"]["console_scripts"].split()
    for node in NODES:
        assert f"liquid_adapt_ros.nodes.{node.executable}:main" in scripts


def test_overrides_come_after_the_parameter_file_and_win():
    command = node_command(SIMULATOR, Path("p.yaml"), {"seed": 3, "autostart": False})
    assert command[:3] == [sys.executable, "-m", "liquid_adapt_ros.nodes.conveyor_sim"]
    assert command.index("--params-file") < command.index("seed:=3")
    assert "autostart:=false" in command
    assert "__node:=conveyor_sim" in command


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_sets_only_what_the_nodes_have_and_take(preset):
    content = yaml.safe_load(parameter_file(preset).read_text())
    nodes = {f"/**/{node.name}": node for node in NODES}
    for key, section in content.items():
        module = importlib.import_module(f"liquid_adapt_ros.nodes.{nodes[key].executable}")
        declared = {row.name: row for row in (*COMMON_PARAMETERS, *module.PARAMETERS)}
        values = section["ros__parameters"]
        values.pop("use_sim_time", None)
        for name, value in values.items():
            value = tuple(value) if isinstance(value, list) else value
            assert type(value) is type(declared[name].default), name
            assert declared[name].refusal(value) == "", name


@pytest.mark.parametrize(
    "text",
    [
        "sensor_fusoin: {ros__parameters: {}}",
        "/**/sensor_fusoin: {ros__parameters: {}}",
        "cell: {sensor_fusoin: {ros__parameters: {}}}",
    ],
)
def test_a_misspelt_node_in_a_parameter_file_is_an_error_that_names_the_nearest(tmp_path, text):
    (tmp_path / "own.yaml").write_text(text)
    message = r"own\.yaml: there is no node sensor_fusoin; the nearest is sensor_fusion"
    with pytest.raises(ValueError, match=message):
        check_node_names(tmp_path / "own.yaml")


def test_a_parameter_file_may_be_shared_with_other_nodes(tmp_path):
    (tmp_path / "shared.yaml").write_text(
        "/**: {ros__parameters: {use_sim_time: true}}\n"
        "camera: {camera: {ros__parameters: {enable_depth: true}}}\n"
        "/cell/sensor_fusion: {ros__parameters: {imu_max_age_s: 0.1}}\n"
    )
    check_node_names(tmp_path / "shared.yaml")


def test_in_the_simulator_s_preset_all_but_the_simulator_follow_its_clock():
    content = yaml.safe_load(parameter_file().read_text())
    follows = {key: section["ros__parameters"]["use_sim_time"] for key, section in content.items()}
    assert follows == {f"/**/{node.name}": node is not SIMULATOR for node in STACK}


def test_a_model_s_files_go_to_the_nodes_that_take_them():
    parameters = model_parameters(Path("/m"))
    assert parameters.keys() == {node.name for node in LEARNING_STACK}
    for node in LEARNING_STACK:
        module = importlib.import_module(f"liquid_adapt_ros.nodes.{node.executable}")
        assert parameters[node.name].keys() <= {row.name for row in module.PARAMETERS}
        assert parameters[node.name]["model_file"] == "/m/conveyor_policy.safetensors"
    assert parameters["sensor_fusion"]["encoder_file"] == "/m/conveyor_encoder.onnx"


def test_a_scenario_is_found_by_name_or_by_path(tmp_path):
    assert scenario_file("demo") == share_folder() / "config" / "scenarios" / "demo.yaml"
    own = tmp_path / "own.yaml"
    own.write_text("name: own\n")
    assert scenario_file(str(own)) == own


def test_an_unknown_scenario_is_refused_with_the_known_names():
    with pytest.raises(FileNotFoundError, match=r"nothing_like_it.*demo.*nominal"):
        scenario_file("nothing_like_it")
