"""Write liquid_adapt_ros/sim/robot.urdf, the expansion of urdf/liquid_robot.urdf.xacro.

The simulator and the kinematics read that file, so they need no xacro. Needs scripts/ros_env.
"""

from pathlib import Path

import xacro

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "urdf" / "liquid_robot.urdf.xacro"
EXPANDED = REPOSITORY / "liquid_adapt_ros" / "sim" / "robot.urdf"
HEADER = "<!-- Written by scripts/expand_robot.py from urdf/liquid_robot.urdf.xacro. -->"


def expansion() -> str:
    """The robot with the default arguments."""
    robot = xacro.process_file(str(SOURCE)).documentElement
    return f'<?xml version="1.0"?>\n{HEADER}\n{robot.toprettyxml(indent="  ")}'


if __name__ == "__main__":
    EXPANDED.write_text(expansion(), encoding="utf-8")
    print(EXPANDED)
