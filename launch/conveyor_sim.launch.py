"""The built-in simulator of robot and conveyor, with the whole learning stack."""

from launch import LaunchDescription

from liquid_adapt_ros.tools.bringup import bringup
from liquid_adapt_ros.tools.stack import STACK


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`."""
    # Each simulator keeps a time of its own, in its namespace.
    own_clock = [("/clock", "clock")]
    return LaunchDescription(
        bringup("conveyor_sim", use_sim_time=True, nodes=STACK, remappings=own_clock)
    )
