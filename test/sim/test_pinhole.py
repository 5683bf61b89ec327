"""Pinhole geometry: projection, back-projection, scaling, camera poses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.sim.camera import (
    PinholeCamera,
    look_at_pose,
    mounted_pose,
    rotation_matrix,
)
from liquid_adapt_ros.sim.config import CameraConfig

cameras = st.builds(
    PinholeCamera.from_field_of_view,
    st.integers(8, 1280),
    st.integers(8, 960),
    st.floats(0.2, 2.6),
)
coordinates = st.floats(-2.0, 2.0)


@given(cameras, coordinates, coordinates, st.floats(0.05, 20.0))
def test_projection_and_back_projection_are_inverse(camera, x, y, z):
    point = np.array([x, y, z])
    pixel = camera.project(point)
    np.testing.assert_allclose(camera.back_project(pixel, z), point, atol=1e-9)


@given(cameras, coordinates, coordinates, st.floats(0.05, 20.0))
def test_the_matrix_projects_as_the_camera_does(camera, x, y, z):
    homogeneous = camera.matrix @ [x, y, z]
    np.testing.assert_allclose(
        homogeneous[:2] / homogeneous[2], camera.project([x, y, z]), rtol=1e-9, atol=1e-7
    )


@given(cameras, st.integers(1, 4))
def test_scaling_keeps_the_ray_through_an_image_position(camera, factor):
    """A block of factor x factor pixels has the ray of the pixel that replaces it."""
    small = camera
    large = camera.scaled(camera.width * factor, camera.height * factor)
    block_centre = np.array([2.0, 3.0]) * factor + 0.5 * (factor - 1)
    np.testing.assert_allclose(
        large.back_project(block_centre, 1.0), small.back_project([2.0, 3.0], 1.0), atol=1e-9
    )


def test_the_field_of_view_spans_the_outer_edges():
    camera = PinholeCamera.from_field_of_view(128, 96, 1.2)
    left = camera.back_project([-0.5, 0.0], 1.0)
    right = camera.back_project([127.5, 0.0], 1.0)
    assert np.arctan(right[0]) - np.arctan(left[0]) == pytest.approx(1.2)


def test_the_centre_of_the_image_is_the_optical_axis():
    camera = PinholeCamera.from_field_of_view(128, 96, 1.2)
    np.testing.assert_allclose(camera.project([0.0, 0.0, 1.0]), [63.5, 47.5])


def test_a_point_behind_the_camera_cannot_be_projected():
    with pytest.raises(ValueError, match="behind"):
        PinholeCamera.from_field_of_view(8, 8, 1.0).project([0.0, 0.0, -1.0])


@pytest.mark.parametrize("arguments", [(0, 8, 1.0), (8, 8, 0.0), (8, 8, np.pi), (8, 8, np.nan)])
def test_an_impossible_camera_is_refused(arguments):
    with pytest.raises(ValueError):
        PinholeCamera.from_field_of_view(*arguments)


@given(st.tuples(coordinates, coordinates, coordinates))
def test_a_rotation_matrix_is_orthonormal_and_keeps_its_axis(vector):
    matrix = rotation_matrix(np.array(vector))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    np.testing.assert_allclose(matrix @ vector, vector, atol=1e-9)


def test_a_quarter_turn_about_z_takes_x_to_y():
    np.testing.assert_allclose(
        rotation_matrix([0.0, 0.0, np.pi / 2]) @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], atol=1e-12
    )


def test_look_at_puts_the_target_on_the_axis_and_up_is_up():
    pose = look_at_pose([-0.5, 0.3, 1.0], [0.2, 0.5, 0.4])
    in_camera = np.linalg.inv(pose) @ [0.2, 0.5, 0.4, 1.0]
    np.testing.assert_allclose(in_camera[:2], 0.0, atol=1e-12)
    assert in_camera[2] > 0.0
    assert pose[2, 0] == pytest.approx(0.0)  # the image's right is level
    assert pose[2, 1] < 0.0  # the image's down points down
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)


def test_looking_straight_down_is_refused():
    with pytest.raises(ValueError, match="straight up or down"):
        look_at_pose([0.0, 0.0, 1.0], [0.0, 0.0, 0.0])


def test_a_bump_turns_the_optical_frame_and_shifts_in_base_link():
    config = CameraConfig()
    straight = mounted_pose(config)
    bumped = mounted_pose(config, (0.0, 0.05, 0.0), (0.01, 0.02, 0.03))
    np.testing.assert_allclose(bumped[:3, 3] - straight[:3, 3], [0.01, 0.02, 0.03], atol=1e-12)
    np.testing.assert_allclose(
        straight[:3, :3].T @ bumped[:3, :3], rotation_matrix([0.0, 0.05, 0.0]), atol=1e-12
    )
