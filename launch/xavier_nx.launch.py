"""The learning stack on a Jetson Xavier NX, beside the drivers of a real robot.

config/xavier_nx.yaml gives a reason for each value; docs/bringup.md lists what the robot must
provide.
"""

from launch import LaunchDescription

from liquid_adapt_ros.tools.bringup import bringup


def generate_launch_description() -> LaunchDescription:
    """Called by `ros2 launch`."""
    return LaunchDescription(bringup("xavier_nx", use_sim_time=False))
