"""The one list of nodes: what is started, under which name, with which parameters.

The demo and the process tests start these as plain processes (`node_command`), the launch files
through `launch` (`tools/bringup.py`); both read this list and the parameter files in config/.
"""

import difflib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from liquid_adapt_ros.share import PACKAGE, share_folder


@dataclass(frozen=True)
class StackNode:
    """One node of the stack.

    Attributes:
        executable: its name in setup.cfg, which is also its module in `nodes/`.
        name: its ROS node name, the key of its parameters in the parameter file.
        is_needed: False if the robot works on without it.
    """

    executable: str
    name: str
    is_needed: bool = True


SIMULATOR = StackNode("conveyor_sim", "conveyor_sim")
# What runs on the robot. In the order in which the data flows, in which they also come up.
LEARNING_STACK = (
    StackNode("sensor_fusion", "sensor_fusion"),
    StackNode("lnn_inference", "lnn_inference"),
    StackNode("online_trainer", "online_trainer", is_needed=False),
)
STACK = (SIMULATOR, *LEARNING_STACK)
# In place of the simulator where Gazebo plays the robot.
GAZEBO_CELL = StackNode("gazebo_cell", "gazebo_cell")
NODES = (*STACK, GAZEBO_CELL)
# Of every node's process. The networks are small: waking a pool of threads for a product of such
# matrices takes longer than the product.
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


def parameter_file(preset: str = "conveyor_sim") -> Path:
    """The parameters of all nodes: config/<preset>.yaml."""
    return share_folder() / "config" / f"{preset}.yaml"


def check_node_names(parameters: Path) -> None:
    """Refuse a parameter file that has a node's name misspelt: that part would do nothing.

    Names that resemble none of the stack's are other nodes', which may share the file.

    Raises:
        ValueError: names the file, the name and the nearest node of the stack.
        OSError, yaml.YAMLError: the file can't be read.
    """
    known = [node.name for node in NODES]
    for key in _node_keys(yaml.safe_load(parameters.read_text(encoding="utf-8")) or {}):
        name = key.rpartition("/")[2]
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if nearest and nearest != [name]:
            raise ValueError(f"{parameters}: there is no node {name}; the nearest is {nearest[0]}")


def _node_keys(content: Mapping[str, Any]) -> Iterator[str]:
    """The keys whose values are a node's parameters, however deep in namespaces."""
    for key, value in content.items():
        if "ros__parameters" in value:
            yield key
        else:
            yield from _node_keys(value)


def model_parameters(folder: Path) -> dict[str, dict[str, str]]:
    """The parameters {node: {name: value}} that make the stack run the model in `folder`."""
    weights = {"model_file": str(folder / "conveyor_policy.safetensors")}
    encoder = {"encoder_file": str(folder / "conveyor_encoder.onnx")}
    return {
        "sensor_fusion": {**weights, **encoder},
        "lnn_inference": weights,
        "online_trainer": weights,
    }


def scenario_file(name: str) -> Path:
    """The file of a scenario: `name` is a path to a YAML file, or one of config/scenarios/.

    Raises:
        FileNotFoundError: neither exists; the message lists the known names.
    """
    if Path(name).is_file():
        return Path(name).resolve()
    folder = share_folder() / "config" / "scenarios"
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise FileNotFoundError(f"no scenario {name!r}: give a YAML file or one of {known}")
    return path


def node_command(
    node: StackNode, parameters: Path, overrides: Mapping[str, object] | None = None
) -> list[str]:
    """The command line that runs `node` as a process of its own.

    Args:
        node: which one.
        parameters: the parameter file.
        overrides: parameters {name: value} that win over the file.
    """
    command = [sys.executable, "-m", f"{PACKAGE}.nodes.{node.executable}", "--ros-args"]
    command += ["-r", f"__node:={node.name}", "--params-file", str(parameters)]
    for name, value in (overrides or {}).items():
        command += ["-p", f"{name}:={_yaml(value)}"]
    return command


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
