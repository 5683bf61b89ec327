"""The one list of nodes."""

import configparser
import importlib
import sys
from pathlib import Path

import pytest
import yaml

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.stack import (
    SIMULATOR,
    STACK,
    node_command,
    parameter_file,
    scenario_file,
)

SETUP_CFG = Path(__file__).parents[2] / "setup.cfg"


def test_every_node_is_an_executable_of_setup_cfg():
    parser = configparser.ConfigParser()
    parser.read(SETUP_CFG)
    scripts = parser["options.entry_points"]["console_scripts"].split()
    for node in STACK:
        assert f"liquid_adapt_ros.nodes.{node.executable}:main" in scripts


def test_overrides_come_after_the_parameter_file_and_win():
    command = node_command(SIMULATOR, Path("p.yaml"), {"seed": 3, "autostart": False})
    assert command[:3] == [sys.executable, "-m", "liquid_adapt_ros.nodes.conveyor_sim"]
    assert command.index("--params-file") < command.index("seed:=3")
    assert "autostart:=false" in command
    assert "__node:=conveyor_sim" in command


@pytest.mark.parametrize("node", STACK, ids=lambda node: node.name)
def test_the_parameter_file_sets_only_what_the_node_declares(node):
    module = importlib.import_module(f"liquid_adapt_ros.nodes.{node.executable}")
    declared = {row.name: row for row in module.PARAMETERS}
    content = yaml.safe_load(parameter_file().read_text())[f"/**/{node.name}"]["ros__parameters"]
    assert content.pop("use_sim_time") is (node is not SIMULATOR)
    for name, value in content.items():
        row = declared[name]
        value = tuple(value) if isinstance(value, list) else value
        assert type(value) is type(row.default), name
        assert row.refusal(value) == "", name


def test_a_scenario_is_found_by_name_or_by_path(tmp_path):
    assert scenario_file("demo") == share_folder() / "config" / "scenarios" / "demo.yaml"
    own = tmp_path / "own.yaml"
    own.write_text("name: own\n")
    assert scenario_file(str(own)) == own


def test_an_unknown_scenario_is_refused_with_the_known_names():
    with pytest.raises(FileNotFoundError, match=r"nothing_like_it.*demo.*nominal"):
        scenario_file("nothing_like_it")
