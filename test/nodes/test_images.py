"""Camera messages as arrays."""

import numpy as np
import pytest
from sensor_drivers import colour_image, depth_image_m, depth_image_mm
from sensor_msgs.msg import CameraInfo

from liquid_adapt_ros.nodes.images import colour_array, depth_array_m, intrinsics_array

RGB = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)
DEPTH_M = np.random.default_rng(1).uniform(0.3, 6.0, (24, 40))


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_colours_come_out_as_red_green_blue(encoding):
    np.testing.assert_array_equal(colour_array(colour_image(RGB, encoding)), RGB)


def test_depth_comes_out_in_metres():
    np.testing.assert_allclose(depth_array_m(depth_image_mm(DEPTH_M)), DEPTH_M, atol=5.1e-4)
    metres = depth_array_m(depth_image_m(DEPTH_M))
    np.testing.assert_allclose(metres, DEPTH_M, rtol=1e-6)
    assert metres.dtype == np.float32


def test_depth_that_was_not_measured_stays_nan():
    message = depth_image_m(np.full((24, 40), np.nan))
    assert np.isnan(depth_array_m(message)).all()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoding": "mono8"}, "'mono8' is not one of rgb8, bgr8"),
        ({"encoding": ""}, "is not one of"),
        ({"width": 41}, "in rows of 120 for 41x24"),
        ({"height": 25}, "2880 bytes"),
        ({"step": 128}, "in rows of 128"),
    ],
)
def test_bytes_that_do_not_fit_their_description_are_not_read(change, reason):
    message = colour_image(RGB)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(ValueError, match=reason):
        colour_array(message)


def test_big_endian_depth_is_refused():
    message = depth_image_mm(DEPTH_M)
    message.is_bigendian = 1
    with pytest.raises(ValueError, match="big-endian"):
        depth_array_m(message)


@pytest.mark.parametrize("k", [[0.0] * 9, [np.nan, *[1.0] * 8], [-1.0, *[1.0] * 8]])
def test_a_camera_matrix_without_focal_lengths_is_refused(k):
    with pytest.raises(ValueError, match="focal"):
        intrinsics_array(CameraInfo(k=k))
