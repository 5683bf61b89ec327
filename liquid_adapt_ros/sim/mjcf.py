"""The conveyor cell as one MJCF string: belt, mobile base, UR5e, suction tool, bin, object pool.

World frame = odom = base_link at the start: x forward (the way the belt runs), y left, z up.
Geoms of VISIBLE_GROUP are what the camera sees; those of COLLISION_GROUP are contact shapes only.
"""

import numpy as np

from liquid_adapt_ros.sim import ur5e

TIMESTEP_S = 0.002
VISIBLE_GROUP = 0
COLLISION_GROUP = 3

BELT_X_M = (-1.6, 1.4)
BELT_Y_M = 0.55
BELT_WIDTH_M = 0.40
BELT_TOP_Z_M = 0.40

ARM_BASE_M = (0.0, 0.0, 0.35)
TOOL_LENGTH_M = 0.10  # from the flange to the lip of the suction cup

BIN_CENTRE_M = (0.44, 0.13)
BIN_HALF_SIZE_M = 0.13
BIN_FLOOR_Z_M = 0.36
BIN_RIM_Z_M = 0.44

WHEEL_RADIUS_M = 0.10
WHEEL_TRACK_M = 0.44
CHASSIS_MASS_KG = 52.0
WHEEL_MASS_KG = 3.0

OBJECT_COUNT = 9

# Contact bits: a pair touches when one's type meets the other's affinity.
_FLOOR, _BELT, _OBJECT, _TOOL = 1, 2, 4, 8
# Gains of the joints' velocity servos, N m per rad/s: stiff enough that a free joint follows
# within a few per cent, and finite, so that an unknown payload is felt.
JOINT_SERVO_GAIN = (600.0, 600.0, 400.0, 80.0, 80.0, 40.0)
WHEEL_SERVO_GAIN = 60.0
WHEEL_TORQUE_NM = 40.0
_LINK_RADIUS_M = (0.06, 0.055, 0.045, 0.04, 0.04, 0.038)
_LINK_COLOUR = "0.72 0.74 0.77 1"
_JOINT_COLOUR = "0.32 0.52 0.70 1"


def world_xml() -> str:
    """The whole world as MJCF."""
    objects = "".join(_object_body(index) for index in range(OBJECT_COUNT))
    welds = "".join(
        f'<weld name="suction_{i}" body1="tool" body2="object_{i}" active="false" '
        'solref="0.006 1" solimp="0.98 0.999 0.001"/>'
        for i in range(OBJECT_COUNT)
    )
    servos = "".join(
        f'<velocity name="{name}" joint="{name}" kv="{gain}" forcerange="-{torque} {torque}"/>'
        for name, gain, torque in zip(
            ur5e.JOINT_NAMES, JOINT_SERVO_GAIN, ur5e.MAX_TORQUE_NM, strict=True
        )
    )
    wheels = "".join(
        f'<velocity name="{side}_wheel" joint="{side}_wheel" kv="{WHEEL_SERVO_GAIN}" '
        f'forcerange="-{WHEEL_TORQUE_NM} {WHEEL_TORQUE_NM}"/>'
        for side in ("left", "right")
    )
    return f"""
<mujoco model="conveyor">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{TIMESTEP_S}" integrator="implicitfast" cone="elliptic" iterations="20">
    <flag eulerdamp="disable"/>
  </option>
  <default>
    <geom group="{VISIBLE_GROUP}" contype="0" conaffinity="0"/>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="6 6 0.1" rgba="0.42 0.43 0.45 1" contype="{_FLOOR}"/>
    {_belt()}
    {_base()}
    {objects}
  </worldbody>
  <equality>{welds}</equality>
  <actuator>{servos}{wheels}</actuator>
  <sensor>
    <accelerometer name="acceleration" site="imu"/>
    <gyro name="angular_velocity" site="imu"/>
  </sensor>
</mujoco>"""


def _belt() -> str:
    """The belt is a heavy slab on a slide whose velocity the world sets before every step."""
    half_length = 0.5 * (BELT_X_M[1] - BELT_X_M[0])
    centre = 0.5 * (BELT_X_M[1] + BELT_X_M[0])
    half_width = 0.5 * BELT_WIDTH_M
    rails = "".join(
        f'<geom type="box" size="{half_length} 0.012 0.05" rgba="0.75 0.75 0.72 1" '
        f'pos="{centre} {BELT_Y_M + side * (half_width + 0.012)} {BELT_TOP_Z_M - 0.045}"/>'
        for side in (-1, 1)
    )
    legs = "".join(
        f'<geom type="box" size="0.03 0.16 0.17" pos="{x} {BELT_Y_M} 0.17" rgba="0.3 0.3 0.32 1"/>'
        for x in (BELT_X_M[0] + 0.15, BELT_X_M[1] - 0.15)
    )
    return f"""
    {rails}{legs}
    <body name="belt" pos="{centre} {BELT_Y_M} {BELT_TOP_Z_M - 0.03}" gravcomp="1">
      <joint name="belt" type="slide" axis="1 0 0"/>
      <geom name="belt" type="box" size="{half_length} {half_width} 0.03" mass="1000"
        contype="{_BELT}" friction="1.0 0.005 0.0001" rgba="0.22 0.24 0.23 1"/>
    </body>"""


def _base() -> str:
    wheels = "".join(
        f"""
      <body name="{side}_wheel" pos="0 {sign * WHEEL_TRACK_M / 2} {WHEEL_RADIUS_M}">
        <joint name="{side}_wheel" axis="0 1 0" armature="0.02"/>
        <geom type="cylinder" size="{WHEEL_RADIUS_M} 0.02" euler="1.5707963 0 0"
          mass="{WHEEL_MASS_KG}" rgba="0.1 0.1 0.1 1"/>
        <geom type="sphere" size="{WHEEL_RADIUS_M}" mass="0" group="{COLLISION_GROUP}"
          conaffinity="{_FLOOR}" friction="1.0 0.005 0.0001"/>
      </body>"""
        for side, sign in (("left", 1), ("right", -1))
    )
    casters = "".join(
        f'<geom type="sphere" size="0.04" pos="{x} 0 0.04" mass="1" rgba="0.1 0.1 0.1 1" '
        f'condim="1" conaffinity="{_FLOOR}" priority="1"/>'
        for x in (-0.30, 0.30)
    )
    return f"""
    <body name="base_link">
      <freejoint name="base"/>
      <geom type="box" size="0.38 0.18 0.10" pos="0 0 0.20" mass="{CHASSIS_MASS_KG}"
        rgba="0.85 0.55 0.12 1"/>
      <geom type="box" size="0.12 0.12 0.025" pos="0 0 0.325" mass="2" rgba="0.25 0.25 0.27 1"/>
      <geom type="box" size="0.10 0.10 0.03" pos="0.34 0.05 0.33" mass="1"
        rgba="0.25 0.25 0.27 1"/>
      {casters}{wheels}{_bin()}
      <body name="mast">
        <geom type="capsule" size="0.015" fromto="-0.36 0.16 0.30 -0.82 0.45 1.22" mass="1"
          rgba="0.5 0.5 0.5 1"/>
      </body>
      <site name="imu" pos="0 0 0.15"/>
      {_arm()}
    </body>"""


def _bin() -> str:
    x, y = BIN_CENTRE_M
    half, wall = BIN_HALF_SIZE_M, 0.005
    height = 0.5 * (BIN_RIM_Z_M - BIN_FLOOR_Z_M)
    sides = (
        (x - half - wall, y, wall, half + 2 * wall),
        (x + half + wall, y, wall, half + 2 * wall),
        (x, y - half - wall, half, wall),
        (x, y + half + wall, half, wall),
    )
    style = f'mass="0.3" rgba="0.15 0.35 0.65 1" contype="{_BELT}"'
    walls = "".join(
        f'<geom type="box" pos="{px} {py} {BIN_FLOOR_Z_M + height}" size="{sx} {sy} {height}" '
        f"{style}/>"
        for px, py, sx, sy in sides
    )
    floor = (
        f'<geom type="box" pos="{x} {y} {BIN_FLOOR_Z_M - 0.005}" size="{half} {half} 0.005" '
        f"{style}/>"
    )
    return walls + floor


def _arm() -> str:
    """The UR5e: body i carries joint i at its origin, so its frame is the DH frame i-1 turned.

    The controller of the real arm feeds its own weight forward: gravcomp on the links, counted
    against the joints' torque. What hangs on the tool is not compensated.
    """
    xml, close = "", ""
    position, rotation_x = np.array(ARM_BASE_M), 0.0
    for index, link in enumerate(ur5e.LINK_NAMES):
        name, torque = ur5e.JOINT_NAMES[index], ur5e.MAX_TORQUE_NM[index]
        limit = ur5e.POSITION_LIMIT_RAD[index]
        end = np.array((ur5e.DH_A_M[index], 0.0, ur5e.DH_D_M[index]))
        xml += f"""
      <body name="{link}" pos="{_numbers(position)}" euler="{rotation_x} 0 0" gravcomp="1">
        <joint name="{name}" axis="0 0 1" range="-{limit} {limit}" armature="0.1" damping="1"
          actuatorgravcomp="true" actuatorfrcrange="-{torque} {torque}"/>
        {_link_inertial(index)}
        {_link_shape(index, end)}"""
        close += "</body>"
        position, rotation_x = end, ur5e.DH_ALPHA_RAD[index]
    return (
        xml
        + f"""
        <body name="tool" pos="{_numbers(position)}" gravcomp="1">
          <geom type="cylinder" size="0.018 {TOOL_LENGTH_M / 2 - 0.012}"
            pos="0 0 {TOOL_LENGTH_M / 2 - 0.012}" mass="0.2" rgba="0.2 0.2 0.2 1"/>
          <geom type="cylinder" size="0.022 0.012" pos="0 0 {TOOL_LENGTH_M - 0.012}"
            mass="0.05" rgba="0.75 0.15 0.15 1"/>
          <geom name="cup" type="sphere" size="0.018" pos="0 0 {TOOL_LENGTH_M - 0.018}"
            mass="0.01" group="{COLLISION_GROUP}" contype="{_TOOL}" friction="0.6 0.005 0.0001"/>
          <site name="tool" pos="0 0 {TOOL_LENGTH_M}"/>
          <body name="payload" pos="0 0 {TOOL_LENGTH_M / 2}">
            <inertial pos="0 0 0" mass="1e-6" diaginertia="1e-9 1e-9 1e-9"/>
          </body>
        </body>"""
        + close
    )


def _link_inertial(index: int) -> str:
    """Mass, centre of mass and inertia of a link, turned from its DH frame into its body frame."""
    alpha = ur5e.DH_ALPHA_RAD[index]
    c, s = np.cos(alpha), np.sin(alpha)
    rotation = np.array(((1, 0, 0), (0, c, -s), (0, s, c)))
    xx, xy, xz, yy, yz, zz = ur5e.INERTIA_KG_M2[index]
    inertia = rotation @ np.array(((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))) @ rotation.T
    end = np.array((ur5e.DH_A_M[index], 0.0, ur5e.DH_D_M[index]))
    centre = end + rotation @ np.array(ur5e.CENTRE_OF_MASS_M[index])
    ordered = inertia[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    return (
        f'<inertial pos="{_numbers(centre)}" mass="{ur5e.MASS_KG[index]}" '
        f'fullinertia="{_numbers(ordered)}"/>'
    )


def _link_shape(index: int, end: np.ndarray) -> str:
    """Capsules along the DH offsets; shoulder-side offsets of the two long links as on the arm."""
    radius = _LINK_RADIUS_M[index]
    side = {1: 0.13, 2: 0.02}.get(index, 0.0)
    start = np.array((0.0, 0.0, side))
    tip = end + start
    shape = (
        f'<geom type="capsule" size="{radius}" mass="0" rgba="{_LINK_COLOUR}" '
        f'fromto="{_numbers(start)} {_numbers(tip)}"/>'
    )
    if side:
        shape += "".join(
            f'<geom type="cylinder" size="{radius * 1.15} {0.5 * side + 0.03}" mass="0" '
            f'pos="{x} 0 {0.5 * side}" rgba="{_JOINT_COLOUR}"/>'
            for x in (0.0, end[0])
        )
    return shape


def _object_body(index: int) -> str:
    """One body of the pool: a shape for the eyes and its bounding box for contacts."""
    return f"""
    <body name="object_{index}" pos="{index} -20 1" gravcomp="1">
      <freejoint name="object_{index}"/>
      <geom name="object_{index}" type="box" size="0.03 0.03 0.03" mass="0.3"/>
      <geom name="object_{index}_contact" type="box" size="0.03 0.03 0.03" mass="0"
        group="{COLLISION_GROUP}" contype="{_OBJECT}" conaffinity="{_BELT | _OBJECT | _TOOL}"
        friction="0.9 0.005 0.0001"/>
    </body>"""


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.9g}" for value in values)
