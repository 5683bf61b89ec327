"""Which room may import which: the contracts in pyproject.toml, and torch at run time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

IMPORT_ALL = """
import importlib, pkgutil, sys
for room in {rooms}:
    package = importlib.import_module("liquid_adapt_ros." + room)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name not in {skipped}:
            importlib.import_module(module.name)
print(sorted(name for name in {unwanted} if name in sys.modules))
"""


def lint_imports(folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120
    )


def unwanted_imports(rooms: list[str], unwanted: list[str], skipped: list[str]) -> str:
    code = IMPORT_ALL.format(rooms=rooms, skipped=skipped, unwanted=unwanted)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_rooms_import_only_what_they_may():
    done = lint_imports(REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [("runtime", "torch"), ("sim", "rclpy"), ("lnn", "liquid_adapt_ros.sim")],
)
def test_a_forbidden_import_is_found(tmp_path, room, forbidden):
    package = tmp_path / "liquid_adapt_ros"
    shutil.copytree(
        REPOSITORY / "liquid_adapt_ros", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    (package / room / "trespasser.py").write_text(f"import {forbidden}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    assert f"liquid_adapt_ros.{room}.trespasser -> {forbidden}" in done.stdout


def test_the_hot_path_leaves_torch_out_of_the_process():
    found = unwanted_imports(
        rooms=["runtime", "fusion", "weights", "sim", "lnn"],
        unwanted=["torch", "torchvision", "rclpy"],
        skipped=[
            f"liquid_adapt_ros.lnn.{name}"
            for name in ("cuda_graphs", "torch_core", "torch_network")
        ],
    )
    assert found == "[]"
