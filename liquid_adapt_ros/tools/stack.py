"""The one list of nodes: what is started, under which name, with which parameters.

The demo and the process tests start these as plain processes (`node_command`), the launch files
through `launch`; both read this list and the same parameter file.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from liquid_adapt_ros.share import PACKAGE, share_folder


@dataclass(frozen=True)
class StackNode:
    """One node of the stack.

    Attributes:
        executable: its name in setup.cfg, which is also its module in `nodes/`.
        name: its ROS node name, the key of its parameters in the parameter file.
    """

    executable: str
    name: str


SIMULATOR = StackNode("conveyor_sim", "conveyor_sim")
# In the order in which the data flows.
STACK = (
    SIMULATOR,
    StackNode("sensor_fusion", "sensor_fusion"),
    StackNode("lnn_inference", "lnn_inference"),
    StackNode("online_trainer", "online_trainer"),
)


def parameter_file() -> Path:
    """The default parameters of all nodes."""
    return share_folder() / "config" / "conveyor_sim.yaml"


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
