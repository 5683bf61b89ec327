"""The belt's marker: the belt of the cell as seen from the base."""

import math

import numpy as np
import pytest

from liquid_adapt_ros.nodes.belt_marker import belt_marker
from liquid_adapt_ros.sim import mjcf


def corners_in_cell(marker, base_pose):
    """The top's corners (4, 2) [m], brought back from base_link into the cell."""
    x, y, yaw = base_pose
    turn = 2.0 * math.atan2(marker.pose.orientation.z, marker.pose.orientation.w)

    def rotation(angle):
        return np.array(((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))))

    half = 0.5 * np.array((marker.scale.x, marker.scale.y))
    own = np.array(((-1, -1), (-1, 1), (1, -1), (1, 1))) * half
    in_base = own @ rotation(turn).T + (marker.pose.position.x, marker.pose.position.y)
    return in_base @ rotation(yaw).T + (x, y)


@pytest.mark.parametrize("base_pose", [(0.0, 0.0, 0.0), (0.4, -0.1, 0.3), (-1.0, 0.2, -2.0)])
def test_the_marker_covers_the_belt_wherever_the_base_is(base_pose):
    marker = belt_marker(1.5, np.array(base_pose))
    corners = corners_in_cell(marker, base_pose)
    low_y, high_y = (mjcf.BELT_Y_M + side * 0.5 * mjcf.BELT_WIDTH_M for side in (-1, 1))
    np.testing.assert_allclose(corners.min(axis=0), (mjcf.BELT_X_M[0], low_y), atol=1e-9)
    np.testing.assert_allclose(corners.max(axis=0), (mjcf.BELT_X_M[1], high_y), atol=1e-9)
    assert marker.pose.position.z + 0.5 * marker.scale.z == pytest.approx(mjcf.BELT_TOP_Z_M)
    assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (1, 500_000_000)
