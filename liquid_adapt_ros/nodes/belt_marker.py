"""The simulated belt as a marker for RViz, where the robot sees it: no transform is needed."""

import math

import numpy as np
from geometry_msgs.msg import Vector3
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.nodes.sim_messages import BASE_FRAME
from liquid_adapt_ros.nodes.stamps import set_stamp
from liquid_adapt_ros.sim import mjcf

BELT_MARKER_TOPIC = "sim/belt_marker"
THICKNESS_M = 0.06
COLOUR = ColorRGBA(r=0.22, g=0.24, b=0.23, a=1.0)
# It is taken away when nothing has come for this long.
LIFETIME_S = 1


def belt_marker(time_s: float, base_pose: np.ndarray) -> Marker:
    """The belt in base_link; base_pose: (x m, y m, yaw rad) of base_link in the cell."""
    x, y, yaw = base_pose
    c, s = math.cos(yaw), math.sin(yaw)
    ahead, aside = 0.5 * sum(mjcf.BELT_X_M) - x, mjcf.BELT_Y_M - y
    length = mjcf.BELT_X_M[1] - mjcf.BELT_X_M[0]
    marker = Marker(
        ns="belt",
        type=Marker.CUBE,
        scale=Vector3(x=length, y=mjcf.BELT_WIDTH_M, z=THICKNESS_M),
        color=COLOUR,
    )
    set_stamp(marker.header.stamp, round(time_s * NANOSECONDS))
    marker.header.frame_id = BASE_FRAME
    marker.lifetime.sec = LIFETIME_S
    point, turn = marker.pose.position, marker.pose.orientation
    point.x, point.y = c * ahead + s * aside, c * aside - s * ahead
    point.z = mjcf.BELT_TOP_Z_M - 0.5 * THICKNESS_M
    turn.z, turn.w = -math.sin(0.5 * yaw), math.cos(0.5 * yaw)
    return marker
