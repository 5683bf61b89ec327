"""The robot's description as plain values: links, joints, shapes, masses, sensors.

Read from robot.urdf beside this file, which scripts/expand_robot.py writes from urdf/*.xacro.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

EXPANDED = Path(__file__).with_name("robot.urdf")


@dataclass(frozen=True)
class Pose:
    """Where a child lies in its parent: xyz (3,) m, rpy (3,) rad about fixed axes."""

    xyz: tuple[float, ...] = (0.0, 0.0, 0.0)
    rpy: tuple[float, ...] = (0.0, 0.0, 0.0)

    @property
    def rotation(self) -> np.ndarray:
        """From the child's axes to the parent's, (3, 3)."""
        (cr, cp, cy), (sr, sp, sy) = np.cos(self.rpy), np.sin(self.rpy)
        roll = np.array(((1.0, 0.0, 0.0), (0.0, cr, -sr), (0.0, sr, cr)))
        pitch = np.array(((cp, 0.0, sp), (0.0, 1.0, 0.0), (-sp, 0.0, cp)))
        yaw = np.array(((cy, -sy, 0.0), (sy, cy, 0.0), (0.0, 0.0, 1.0)))
        return yaw @ pitch @ roll

    def apply(self, point: np.ndarray) -> np.ndarray:
        """A point (3,) of the child in the parent's frame."""
        return np.array(self.xyz) + self.rotation @ point


@dataclass(frozen=True)
class Shape:
    """What is seen or touched of a link.

    kind and size: box, its three edges; cylinder, radius and length (along z); sphere, radius.
    colour: "r g b a", empty for a collision shape.
    """

    name: str
    kind: str
    size: tuple[float, ...]
    pose: Pose
    colour: str


@dataclass(frozen=True)
class Inertial:
    """Mass, and the inertia tensor (3, 3) about the centre of mass in the axes of pose."""

    mass_kg: float
    pose: Pose
    tensor_kg_m2: np.ndarray


@dataclass(frozen=True)
class Link:
    """inertial is None for a mere frame."""

    inertial: Inertial | None
    visuals: tuple[Shape, ...]
    collisions: tuple[Shape, ...]


@dataclass(frozen=True)
class Joint:
    """Fixed or about an axis (3,) of the child; a limit that is not given is 0."""

    kind: str
    parent: str
    child: str
    pose: Pose
    axis: tuple[float, ...]
    lower_rad: float
    upper_rad: float
    velocity_rad_s: float
    effort_nm: float
    damping: float


class RobotDescription:
    """Links and joints by name, in the order of the file.

    Raises:
        KeyError: a name that is asked for isn't there.
    """

    def __init__(self, urdf: str) -> None:
        self._root = ElementTree.fromstring(urdf)
        colours = {
            item.get("name"): item.find("color").get("rgba")
            for item in self._root.findall("material")
        }
        self.links = {
            item.get("name"): _link(item, colours) for item in self._root.findall("link")
        }
        self.joints = {item.get("name"): _joint(item) for item in self._root.findall("joint")}

    @cached_property
    def mounts(self) -> dict[str, Joint]:
        """The joint that carries a link, by the link's name."""
        return {joint.child: joint for joint in self.joints.values()}

    def sensor(self, name: str) -> ElementTree.Element:
        """Gazebo's description of a sensor."""
        for sensor in self._root.iterfind("gazebo/sensor"):
            if sensor.get("name") == name:
                return sensor
        raise KeyError(f"the robot has no sensor {name!r}")


def _link(element: ElementTree.Element, colours: dict[str, str]) -> Link:
    return Link(
        inertial=_inertial(element.find("inertial")),
        visuals=tuple(_shape(item, colours) for item in element.findall("visual")),
        collisions=tuple(_shape(item, colours) for item in element.findall("collision")),
    )


def _inertial(element: ElementTree.Element | None) -> Inertial | None:
    if element is None:
        return None
    xx, xy, xz, yy, yz, zz = (
        float(element.find("inertia").get(name))
        for name in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")
    )
    tensor = np.array(((xx, xy, xz), (xy, yy, yz), (xz, yz, zz)))
    return Inertial(float(element.find("mass").get("value")), _pose(element), tensor)


def _shape(element: ElementTree.Element, colours: dict[str, str]) -> Shape:
    (geometry,) = element.find("geometry")
    names = {"box": ("size",), "cylinder": ("radius", "length"), "sphere": ("radius",)}
    size = " ".join(geometry.get(name) for name in names[geometry.tag])
    material = element.find("material")
    return Shape(
        name=element.get("name", ""),
        kind=geometry.tag,
        size=_numbers(size),
        pose=_pose(element),
        colour="" if material is None else colours[material.get("name")],
    )


def _joint(element: ElementTree.Element) -> Joint:
    limit, dynamics = element.find("limit"), element.find("dynamics")
    limits = {} if limit is None else limit.attrib
    axis = element.find("axis")
    return Joint(
        kind=element.get("type"),
        parent=element.find("parent").get("link"),
        child=element.find("child").get("link"),
        pose=_pose(element),
        axis=(1.0, 0.0, 0.0) if axis is None else _numbers(axis.get("xyz")),
        lower_rad=float(limits.get("lower", 0.0)),
        upper_rad=float(limits.get("upper", 0.0)),
        velocity_rad_s=float(limits.get("velocity", 0.0)),
        effort_nm=float(limits.get("effort", 0.0)),
        damping=0.0 if dynamics is None else float(dynamics.get("damping")),
    )


def _pose(element: ElementTree.Element) -> Pose:
    origin = element.find("origin")
    if origin is None:
        return Pose()
    return Pose(_numbers(origin.get("xyz")), _numbers(origin.get("rpy")))


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split())


ROBOT = RobotDescription(EXPANDED.read_text(encoding="utf-8"))
