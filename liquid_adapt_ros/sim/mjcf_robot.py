"""The robot as MJCF: made of its description, and of what a description can't say.

That is contacts, the joints' servos and gravity compensation.
"""

import numpy as np

from liquid_adapt_ros.sim import robot, ur5e
from liquid_adapt_ros.sim.mjcf_elements import (
    BELT,
    COLLISION_GROUP,
    FLOOR,
    TOOL,
    exact_numbers,
    numbers,
)
from liquid_adapt_ros.sim.robot_description import ROBOT, Inertial, Link, Pose, Shape

# Gains of the joints' velocity servos, N m per rad/s: stiff enough that a free joint follows
# within a few per cent, and finite, so that an unknown payload is felt.
JOINT_SERVO_GAIN = (600.0, 600.0, 400.0, 80.0, 80.0, 40.0)
WHEEL_SERVO_GAIN = 60.0

_CASTER_CONTACT = f'condim="1" conaffinity="{FLOOR}" priority="1"'
_BIN_CONTACT = f'contype="{BELT}"'


def actuators_xml() -> str:
    """The velocity servos: six joints, then the left and the right wheel."""
    servos = "".join(
        f'<velocity name="{name}" joint="{name}" kv="{gain}" forcerange="-{torque} {torque}"/>'
        for name, gain, torque in zip(
            ur5e.JOINT_NAMES, JOINT_SERVO_GAIN, ur5e.MAX_TORQUE_NM, strict=True
        )
    )
    torque = robot.WHEEL_TORQUE_NM
    return servos + "".join(
        f'<velocity name="{side}_wheel" joint="{side}_wheel" kv="{WHEEL_SERVO_GAIN}" '
        f'forcerange="-{torque} {torque}"/>'
        for side in ("left", "right")
    )


def robot_xml() -> str:
    """The body base_link with all that it carries."""
    return f"""
    <body name="base_link">
      <freejoint name="base"/>
      {_chassis()}{_wheel("left")}{_wheel("right")}
      <body name="mast">{_mast()}</body>
      <site name="imu" pos="{numbers(robot.IMU_M)}"/>
      {_arm()}
    </body>"""


def _chassis() -> str:
    """The bodies of uniform density that are fixed to base_link, one geom each."""
    xml = ""
    for name, mount in ROBOT.mounts.items():
        link = ROBOT.links[name]
        if mount.parent == "base_link" and mount.kind == "fixed" and _is_part(name, link):
            contact = ""
            if name.endswith("_caster"):
                contact = _CASTER_CONTACT
            elif name.startswith("bin_") and name != "bin_bracket":
                contact = _BIN_CONTACT
            xml += _solid(link, mount.pose, contact)
    return xml


def _is_part(name: str, link: Link) -> bool:
    return link.inertial is not None and name != "mast"


def _solid(link: Link, mount: Pose, attributes: str = "") -> str:
    (shape,) = link.visuals
    return _geom(shape, mount.apply(shape.pose.xyz), link.inertial.mass_kg, attributes)


def _geom(shape: Shape, position: np.ndarray, mass_kg: float, attributes: str = "") -> str:
    return (
        f'<geom type="{shape.kind}" size="{_size(shape)}" pos="{exact_numbers(position)}" '
        f'mass="{mass_kg}" rgba="{shape.colour}" {attributes}/>'
    )


def _size(shape: Shape) -> str:
    """MuJoCo's sizes are halves, but for radii."""
    if shape.kind == "box":
        return exact_numbers(0.5 * edge for edge in shape.size)
    radius, *length = shape.size
    return exact_numbers((radius, *(0.5 * part for part in length)))


def _tube(shape: Shape, mount: Pose, mass_kg: float) -> str:
    """A cylinder with round ends, between the centres of its faces in the frame of the mount."""
    radius, length = shape.size
    ends = (
        np.round(mount.apply(shape.pose.apply((0.0, 0.0, side * length))), 12) + 0.0
        for side in (-0.5, 0.5)
    )
    fromto = " ".join(numbers(end) for end in ends)
    return (
        f'<geom type="capsule" size="{radius}" mass="{mass_kg}" rgba="{shape.colour}" '
        f'fromto="{fromto}"/>'
    )


def _mast() -> str:
    (shape,), mass_kg = ROBOT.links["mast"].visuals, ROBOT.links["mast"].inertial.mass_kg
    return _tube(shape, ROBOT.mounts["mast"].pose, mass_kg)


def _wheel(side: str) -> str:
    link, mount = ROBOT.links[f"{side}_wheel"], ROBOT.mounts[f"{side}_wheel"]
    (shape,), (touch,) = link.visuals, link.collisions
    euler = " ".join(f"{angle:.8g}" for angle in shape.pose.rpy)
    return f"""
      <body name="{side}_wheel" pos="{numbers(mount.pose.xyz)}">
        <joint name="{side}_wheel" axis="{numbers(mount.axis)}" armature="0.02"/>
        {_geom(shape, shape.pose.xyz, link.inertial.mass_kg, f'euler="{euler}"')}
        <geom type="{touch.kind}" size="{_size(touch)}" mass="0" group="{COLLISION_GROUP}"
          conaffinity="{FLOOR}" friction="1.0 0.005 0.0001"/>
      </body>"""


def _arm() -> str:
    """The UR5e: body i carries joint i at its origin, as link i of the description does.

    The controller of the real arm feeds its own weight forward: gravcomp on the links, counted
    against the joints' torque. What hangs on the tool is not compensated.
    """
    xml = ""
    for name, body in zip(ur5e.JOINT_NAMES, ur5e.LINK_NAMES, strict=True):
        joint = ROBOT.joints[name]
        link, torque = ROBOT.links[joint.child], joint.effort_nm
        xml += f"""
      <body name="{body}" pos="{numbers(joint.pose.xyz)}"
        euler="{joint.pose.rpy[0]} 0 0" gravcomp="1">
        <joint name="{name}" axis="{numbers(joint.axis)}" armature="0.1" damping="{joint.damping}"
          range="{joint.lower_rad} {joint.upper_rad}"
          actuatorgravcomp="true" actuatorfrcrange="-{torque} {torque}"/>
        {_inertial(link.inertial)}
        {_link_shapes(link)}"""
    return xml + _tool() + "</body>" * len(ur5e.LINK_NAMES)


def _inertial(inertial: Inertial) -> str:
    """Mass, centre of mass, and inertia turned into the axes of the link."""
    rotation = inertial.pose.rotation
    tensor = rotation @ inertial.tensor_kg_m2 @ rotation.T
    ordered = tensor[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    return (
        f'<inertial pos="{numbers(inertial.pose.xyz)}" mass="{inertial.mass_kg}" '
        f'fullinertia="{numbers(ordered)}"/>'
    )


def _link_shapes(link: Link) -> str:
    tube, *housings = link.visuals
    return _tube(tube, Pose(), 0.0) + "".join(
        _geom(shape, shape.pose.xyz, 0.0) for shape in housings
    )


def _tool() -> str:
    """The suction cup on its tube; the body is where the flange is."""
    flange = ROBOT.mounts["suction_tube"].pose
    lip, lip_link = ROBOT.mounts["suction_lip"].pose, ROBOT.links["suction_lip"]
    (touch,) = lip_link.collisions
    middle = (0.0, 0.0, 0.5 * robot.TOOL_LENGTH_M)
    return f"""
        <body name="tool" pos="{numbers(flange.xyz)}" gravcomp="1">
          {_solid(ROBOT.links["suction_tube"], Pose())}
          {_solid(ROBOT.links["suction_cup"], ROBOT.mounts["suction_cup"].pose)}
          <geom name="cup" type="{touch.kind}" size="{_size(touch)}"
            pos="{numbers(lip.apply(touch.pose.xyz))}" mass="{lip_link.inertial.mass_kg}"
            group="{COLLISION_GROUP}" contype="{TOOL}" friction="0.6 0.005 0.0001"/>
          <site name="tool" pos="{numbers(lip.xyz)}"/>
          <body name="payload" pos="{numbers(middle)}">
            <inertial pos="0 0 0" mass="1e-6" diaginertia="1e-9 1e-9 1e-9"/>
          </body>
        </body>"""
