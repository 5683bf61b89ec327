"""Every parameter is described, has a range, is used, and is in docs/parameters.md."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "scripts" / "write_parameter_docs.py"
# How names end -> the unit that the description must give in brackets.
UNITS = {
    "_m_s2": "m/s^2",
    "_rad_s2": "rad/s^2",
    "_m_s": "m/s",
    "_rad_s": "rad/s",
    "_hz": "Hz",
    "_s": "s",
    "_m": "m",
    "_rad": "rad",
    "_kg": "kg",
    "_w": "W",
    "_c": "degC",
}

_spec = importlib.util.spec_from_file_location("write_parameter_docs", SCRIPT)
script = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(script)
ALL = [(title, row) for title, rows in script.sections().items() for row in rows]
each_parameter = pytest.mark.parametrize(
    ("title", "row"), ALL, ids=[f"{title}-{row.name}".replace(" ", "_") for title, row in ALL]
)


def names_read(source: str) -> set[str]:
    """Attributes and texts that code reads; the names in declarations (Parameter) don't count."""
    tree = ast.parse(source)
    declared = {
        id(call.args[0])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and call.args and getattr(call.func, "id", "") == "Parameter"
    }
    texts = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in declared
    }
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    return texts | attributes


@pytest.fixture(scope="module")
def all_names_read() -> set[str]:
    files = (REPOSITORY / "liquid_adapt_ros").rglob("*.py")
    return set().union(*(names_read(file.read_text(encoding="utf-8")) for file in files))


def test_the_parameter_document_is_up_to_date():
    written = script.DOCUMENT.read_text(encoding="utf-8")
    assert written == script.document(), f"run scripts/ros_env python {SCRIPT}"


@each_parameter
def test_every_parameter_is_described_with_its_unit(title, row):
    assert len(row.description) > 10 and row.description.endswith(".")
    suffix = next((suffix for suffix in UNITS if row.name.endswith(suffix)), None)
    if suffix is not None:
        assert script.unit(row) == UNITS[suffix]


@each_parameter
def test_every_number_has_a_range_that_holds_its_default(title, row):
    elements = row.default if isinstance(row.default, tuple) else (row.default,)
    if isinstance(elements[0], bool | str):
        assert (row.minimum, row.maximum) == (None, None)
    else:
        assert row.minimum < row.maximum
    assert row.refusal(row.default) == ""


@each_parameter
def test_every_parameter_is_used(title, row, all_names_read):
    assert row.name.rpartition(".")[2] in all_names_read


@each_parameter
def test_every_parameter_is_documented_under_its_node(title, row):
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", script.document(), re.M | re.S)[1]
    documented = [line for line in section.splitlines() if line.startswith(f"| `{row.name}` |")]
    assert len(documented) == 1
    assert documented[0].endswith(f"| {row.description} |")


def test_a_parameter_that_is_only_declared_is_not_taken_for_used():
    declared = 'TABLE = (Parameter("lonely_s", 1.0, "Nobody reads it [s]."),)\n'
    assert "lonely_s" not in names_read(declared)
    assert "lonely_s" in names_read(declared + 'print(parameters["lonely_s"])')
    assert "lonely_s" in names_read(declared + "print(settings.lonely_s)")
