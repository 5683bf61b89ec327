"""Write docs/parameters.md from the nodes' own parameter tables; needs scripts/ros_env."""

import importlib
from pathlib import Path

from liquid_adapt_ros.nodes.lifecycle import AUTOSTART
from liquid_adapt_ros.nodes.parameters import Parameter
from liquid_adapt_ros.tools.stack import STACK

DOCUMENT = Path(__file__).parents[1] / "docs" / "parameters.md"
HEADER = """\
# Parameters

Written by `scripts/write_parameter_docs.py` from the nodes' own tables. `config/conveyor_sim.yaml`
sets the ones that are worth a look. Every value is checked against its range; a parameter that is
not marked "start only" can be changed while the node runs, and takes effect at once.
`use_sim_time` works in every node.
"""


def document() -> str:
    """The whole document as Markdown."""
    sections = [HEADER, _section("Every node", [AUTOSTART])]
    for node in STACK:
        module = importlib.import_module(f"liquid_adapt_ros.nodes.{node.executable}")
        sections.append(_section(node.name, module.PARAMETERS))
    return "\n".join(sections)


def _section(title: str, rows: list[Parameter]) -> str:
    lines = [f"## {title}", "", "| name | default | range | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{row.name}` | {_value(row.default)} | {_range(row)} | {_meaning(row)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(f"{element:g}" for element in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value) or '""'


def _range(row: Parameter) -> str:
    if row.choices:
        return ", ".join(row.choices)
    bounds = [row.minimum, row.maximum]
    return "" if bounds == [None, None] else " to ".join(f"{bound:g}" for bound in bounds)


def _meaning(row: Parameter) -> str:
    return row.description + (" Start only." if row.read_only else "")


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
    print(DOCUMENT)
