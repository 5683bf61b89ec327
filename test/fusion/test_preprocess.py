"""The encoder's inputs: geometry of the point grid and scaling of the image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.fusion.preprocess import preprocess


def camera_matrix(height: int, width: int, focal_px: float) -> np.ndarray:
    return np.array(
        [[focal_px, 0.0, (width - 1) / 2], [0.0, focal_px, (height - 1) / 2], [0.0, 0.0, 1.0]]
    )


def test_point_grid_is_the_mean_back_projection_of_each_block():
    rng = np.random.default_rng(1)
    depth = rng.uniform(0.3, 2.0, (96, 128)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.3] = 0.0
    intrinsics = camera_matrix(96, 128, 110.0)
    _, points = preprocess(np.zeros((96, 128, 3), np.uint8), depth, intrinsics)
    for row, column in ((0, 0), (7, 20), (23, 31)):
        block = [
            np.linalg.inv(intrinsics) @ (u, v, 1.0) * depth[v, u]
            for v in range(4 * row, 4 * row + 4)
            for u in range(4 * column, 4 * column + 4)
            if depth[v, u] > 0
        ]
        np.testing.assert_allclose(points[:3, row, column], np.mean(block, axis=0), atol=2e-6)
        assert points[3, row, column] == pytest.approx(len(block) / 16)


@settings(deadline=None, max_examples=25)
@given(height=st.integers(24, 500), width=st.integers(32, 650), focal=st.floats(0.5, 2.0))
def test_any_picture_size_sees_a_plane_where_it_is(height, width, focal):
    """Points of the plane z = 1 + 0.2 x + 0.1 y stay on it, whatever the camera."""
    intrinsics = camera_matrix(height, width, focal * max(height, width))
    x = (np.arange(width) - intrinsics[0, 2]) / intrinsics[0, 0]
    y = (np.arange(height) - intrinsics[1, 2]) / intrinsics[1, 1]
    depth = 1.0 / (1.0 - 0.2 * x[None, :] - 0.1 * y[:, None])
    image, points = preprocess(np.zeros((height, width, 3), np.uint8), depth, intrinsics)
    assert image.shape == (4, 96, 128) and points.shape == (4, 24, 32)
    np.testing.assert_allclose(points[2], 1.0 + 0.2 * points[0] + 0.1 * points[1], atol=1e-5)
    np.testing.assert_allclose(points[3], 1.0)
    assert np.all(np.diff(points[0], axis=1) > 0) and np.all(np.diff(points[1], axis=0) > 0)


def test_image_scaling_and_dtype():
    rgb = np.zeros((96, 128, 3), np.uint8)
    rgb[10, 20] = (255, 0, 51)
    image, points = preprocess(rgb, np.full((96, 128), 1.5), camera_matrix(96, 128, 100.0))
    assert image.dtype == points.dtype == np.float32
    np.testing.assert_allclose(image[:, 10, 20], (0.5, -0.5, -0.3, 0.75), atol=1e-6)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, -np.inf, 10.5])
def test_unmeasured_depth_is_left_out(bad):
    depth = np.full((96, 128), 1.0)
    depth[:4, :4] = bad
    depth[4, 4] = bad
    intrinsics = camera_matrix(96, 128, 100.0)
    image, points = preprocess(np.zeros((96, 128, 3), np.uint8), depth, intrinsics)
    assert np.all(image[3, :4, :4] == 0.0)
    np.testing.assert_array_equal(points[:, 0, 0], 0.0)
    assert points[2, 1, 1] == pytest.approx(1.0) and points[3, 1, 1] == pytest.approx(15 / 16)
    assert np.all(np.isfinite(image)) and np.all(np.isfinite(points))


def test_depth_edges_are_not_blurred_when_resized():
    depth = np.where(np.arange(640) < 333, 0.5, 2.0) * np.ones((480, 1))
    image, _ = preprocess(np.zeros((480, 640, 3), np.uint8), depth, camera_matrix(480, 640, 500.0))
    assert set(np.unique(image[3])) == {np.float32(0.25), np.float32(1.0)}


@pytest.mark.parametrize(
    ("rgb_shape", "depth_shape", "intrinsics", "reason"),
    [
        ((96, 128), (96, 128), np.eye(3), "rgb must be"),
        ((96, 128, 3), (48, 64), np.eye(3), "same size"),
        ((20, 128, 3), (20, 128), np.eye(3), "at least"),
        ((96, 128, 3), (96, 128), np.zeros((3, 3)), "focal"),
        ((96, 128, 3), (96, 128), np.full((3, 3), np.nan), "finite"),
    ],
)
def test_impossible_input_is_refused_with_a_reason(rgb_shape, depth_shape, intrinsics, reason):
    with pytest.raises(ValueError, match=reason):
        preprocess(np.zeros(rgb_shape, np.uint8), np.ones(depth_shape), intrinsics)
