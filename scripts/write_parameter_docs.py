"""Write docs/parameters.md from the nodes' own parameter tables; needs scripts/ros_env."""

import importlib
import re
from collections.abc import Sequence
from pathlib import Path

from liquid_adapt_ros.nodes.lifecycle import COMMON_PARAMETERS
from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.tools.stack import NODES

DOCUMENT = Path(__file__).parents[1] / "docs" / "parameters.md"
HEADER = """\
# Parameters

Written by `scripts/write_parameter_docs.py` from the nodes' own tables. The files in `config/` set
the ones that are worth a look. Every value is checked against its range. A name that a node does
not have, in a file or on the command line, ends its start, with the nearest name.

Parameters marked "running" can be changed while the node runs (`ros2 param set`) and take effect
between two ticks; a refusal says why. Several that belong together go into one request of the
service `set_parameters_atomically`: all are taken or none. `use_sim_time` works in every node.
"""


def sections() -> dict[str, Sequence[Parameter]]:
    """What is documented: title -> parameters."""
    tables = {"Every node": COMMON_PARAMETERS}
    for node in NODES:
        module = importlib.import_module(f"liquid_adapt_ros.nodes.{node.executable}")
        tables[node.name] = module.PARAMETERS
    return tables


def document() -> str:
    """The whole document as Markdown."""
    return "\n".join([HEADER, *(_section(title, rows) for title, rows in sections().items())])


def unit(row: Parameter) -> str:
    """The units in the brackets of its description, such as `m/s`; empty if there are none."""
    return ", ".join(re.findall(r"\[([^\[\]]+)\]", row.description))


def _section(title: str, rows: Sequence[Parameter]) -> str:
    lines = [
        f"## {title}",
        "",
        "| name | default | unit | range | set | meaning |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{row.name}` | {_value(row.default)} | {unit(row)} | {_range(row)} "
        f"| {'at start' if row.read_only else 'running'} | {row.description} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value) or '""'


def _range(row: Parameter) -> str:
    if row.choices:
        return ", ".join(row.choices)
    bounds = [row.minimum, row.maximum]
    return "" if bounds == [None, None] else " to ".join(f"{bound:g}" for bound in bounds)


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    print(DOCUMENT)
