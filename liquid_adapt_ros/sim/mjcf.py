"""The conveyor cell as one MJCF string: belt, object pool, and the robot.

World frame = odom = base_link at the start: x forward (the way the belt runs), y left, z up.
Geoms of VISIBLE_GROUP are what the camera sees; those of COLLISION_GROUP are contact shapes only.
"""

from liquid_adapt_ros.sim.mjcf_elements import (
    BELT,
    COLLISION_GROUP,
    FLOOR,
    OBJECT,
    TOOL,
    VISIBLE_GROUP,
)
from liquid_adapt_ros.sim.mjcf_robot import actuators_xml, robot_xml

TIMESTEP_S = 0.002

BELT_X_M = (-1.6, 1.4)
BELT_Y_M = 0.55
BELT_WIDTH_M = 0.40
BELT_TOP_Z_M = 0.40

OBJECT_COUNT = 9


def world_xml() -> str:
    """The whole world as MJCF."""
    objects = "".join(_object_body(index) for index in range(OBJECT_COUNT))
    welds = "".join(
        f'<weld name="suction_{i}" body1="tool" body2="object_{i}" active="false" '
        'solref="0.006 1" solimp="0.98 0.999 0.001"/>'
        for i in range(OBJECT_COUNT)
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
    <geom name="floor" type="plane" size="6 6 0.1" rgba="0.42 0.43 0.45 1" contype="{FLOOR}"/>
    {_belt()}
    {robot_xml()}
    {objects}
  </worldbody>
  <equality>{welds}</equality>
  <actuator>{actuators_xml()}</actuator>
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
        contype="{BELT}" friction="1.0 0.005 0.0001" rgba="0.22 0.24 0.23 1"/>
    </body>"""


def _object_body(index: int) -> str:
    """One body of the pool: a shape for the eyes and its bounding box for contacts."""
    return f"""
    <body name="object_{index}" pos="{index} -20 1" gravcomp="1">
      <freejoint name="object_{index}"/>
      <geom name="object_{index}" type="box" size="0.03 0.03 0.03" mass="0.3"/>
      <geom name="object_{index}_contact" type="box" size="0.03 0.03 0.03" mass="0"
        group="{COLLISION_GROUP}" contype="{OBJECT}" conaffinity="{BELT | OBJECT | TOOL}"
        friction="0.9 0.005 0.0001"/>
    </body>"""
