"""The package's xacro files, expanded."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from liquid_adapt_ros.share import share_folder

ROBOT_FILE = share_folder() / "urdf" / "liquid_robot.urdf.xacro"
WORLD_FILE = share_folder() / "worlds" / "conveyor.sdf.xacro"
SIMULATORS = ("harmonic", "fortress")
BELTS = ("track", "prismatic")


def expand(file: Path, **arguments: str) -> str:
    """The XML that `xacro FILE NAME:=VALUE...` prints."""
    xacro = pytest.importorskip("xacro")
    return xacro.process_file(str(file), mappings=arguments).toxml()


def robot_element(simulator: str) -> ElementTree.Element:
    """The robot as it is spawned into Gazebo."""
    return ElementTree.fromstring(
        expand(ROBOT_FILE, simulator=simulator, controllers="/controllers.yaml")
    )


def world_element(simulator: str, belt: str) -> ElementTree.Element:
    """The <world>."""
    return ElementTree.fromstring(expand(WORLD_FILE, simulator=simulator, belt=belt)).find("world")
