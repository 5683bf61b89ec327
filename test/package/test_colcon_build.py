"""A build from scratch with colcon, linked and copied; the slowest tests of the package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

REPOSITORY = Path(__file__).parents[2]
SOURCE_FOLDERS = ("liquid_adapt_ros", "config", "launch", "models", "rviz", "urdf", "worlds")
FIRST_LINE = "import sys; from liquid_adapt_ros import msg, nodes; print(nodes.__file__)"


@pytest.fixture(scope="module", params=["linked", "copied"])
def build(request, tmp_path_factory):
    """(whether with --symlink-install, install prefix of a finished build)."""
    base = tmp_path_factory.mktemp(request.param)
    command = ["colcon", "--log-base", os.devnull, "build", "--base-paths", str(REPOSITORY)]
    command += ["--build-base", str(base / "build"), "--install-base", str(base / "install")]
    command += ["--merge-install", "--event-handlers", "console_cohesion+"]
    command += ["--symlink-install"] if request.param == "linked" else []
    # Debug compiles fastest.
    command += [
        "--cmake-args",
        "-DCMAKE_BUILD_TYPE=Debug",
        f"-DPython3_EXECUTABLE={sys.executable}",
    ]
    done = subprocess.run(
        command,
        cwd=base,
        env=os.environ | {"MAKEFLAGS": f"-j{os.cpu_count()}"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    yield request.param == "linked", base / "install"
    shutil.rmtree(base)


def installed_files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def source_files(folder: Path) -> set[str]:
    files = installed_files(folder)
    return {name for name in files if "__pycache__" not in name and not name.endswith(".pyc")}


def test_everything_is_installed_and_links_follow_the_choice(build):
    linked, prefix = build
    (site_packages,) = {
        path.parents[2] for path in prefix.rglob("liquid_adapt_ros/msg/__init__.py")
    }
    for folder in SOURCE_FOLDERS:
        python = folder == "liquid_adapt_ros"
        share = prefix / "share" / "liquid_adapt_ros" / folder
        installed = installed_files(site_packages / folder if python else share)
        for name in source_files(REPOSITORY / folder):
            assert installed[name].is_symlink() == linked
            assert installed[name].read_bytes() == (REPOSITORY / folder / name).read_bytes()


def test_an_executable_runs_from_the_installed_prefix_alone(build, tmp_path):
    _, prefix = build
    (site_packages,) = {
        path.parents[2] for path in prefix.rglob("liquid_adapt_ros/msg/__init__.py")
    }
    environment = os.environ | {
        "AMENT_PREFIX_PATH": f"{prefix}:{os.environ['AMENT_PREFIX_PATH']}",
        "LD_LIBRARY_PATH": f"{prefix / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}",
        "PYTHONPATH": str(site_packages),
    }
    done = subprocess.run(
        [sys.executable, "-c", FIRST_LINE],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(prefix)
