"""docs/parameters.md is what the nodes declare."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_parameter_docs.py"


def test_the_parameter_document_is_up_to_date():
    spec = importlib.util.spec_from_file_location("write_parameter_docs", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = script.DOCUMENT.read_text(encoding="utf-8")
    assert written == script.document(), f"run scripts/ros_env python {SCRIPT}"
