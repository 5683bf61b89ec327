"""The ray camera against analytic geometry, and what its colours do."""

import dataclasses

import mujoco
import numpy as np
import pytest

from liquid_adapt_ros.sim.belt_texture import LENGTH_M, BeltTexture
from liquid_adapt_ros.sim.camera import BACKGROUND_RGB, PinholeCamera, RayCamera
from liquid_adapt_ros.sim.config import LightConfig

WIDTH, HEIGHT, FOV_RAD = 128, 96, 1.15
HEIGHT_M = 2.0
# Looks straight down from HEIGHT_M: x of the image is x of the world, y of the image is -y.
DOWN = np.array(
    [
        [1.0, 0.0, 0.0, 0.0],
        [0.0, -1.0, 0.0, 0.0],
        [0.0, 0.0, -1.0, HEIGHT_M],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
OVERHEAD = LightConfig(direction=(0.0, 0.0, 1.0))


def scene(geoms: str) -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{geoms}</worldbody></mujoco>")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def render(geoms: str, pose: np.ndarray = DOWN, **arguments) -> tuple[np.ndarray, np.ndarray]:
    model, data = scene(geoms)
    return RayCamera(model, WIDTH, HEIGHT, FOV_RAD).render(data, pose, **arguments)


def optical_rays() -> np.ndarray:
    camera = PinholeCamera.from_field_of_view(WIDTH, HEIGHT, FOV_RAD)
    return camera.back_project(camera.pixel_grid(), np.ones((HEIGHT, WIDTH)))


def rotated(angle_rad: float) -> np.ndarray:
    """DOWN tilted about the image's x."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    pose = DOWN.copy()
    pose[:3, :3] = pose[:3, :3] @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return pose


PLANE = '<geom type="plane" size="50 50 1" rgba="0.5 0.5 0.5 1"/>'


def test_depth_of_a_plane_seen_from_above_is_the_height_everywhere():
    _, depth = render(PLANE)
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, HEIGHT_M, atol=1e-6)


@pytest.mark.parametrize("tilt_rad", [0.2, 0.5, -0.4])
def test_depth_of_a_tilted_plane_follows_the_plane_equation(tilt_rad):
    pose = rotated(tilt_rad)
    _, depth = render(PLANE, pose)
    downward = -(optical_rays() @ pose[:3, :3].T)[..., 2]
    np.testing.assert_allclose(depth, HEIGHT_M / downward, rtol=1e-6)


def test_depth_of_a_sphere_is_the_root_of_its_quadratic():
    radius, centre = 0.4, np.array([0.1, 0.2, HEIGHT_M - 0.3])  # in the optical frame
    rays = optical_rays()
    a = np.sum(rays**2, axis=-1)
    b = rays @ centre
    discriminant = b**2 - a * (centre @ centre - radius**2)
    hit = discriminant > 0.0
    expected = np.where(hit, (b - np.sqrt(np.maximum(discriminant, 0.0))) / a, 0.0)
    _, depth = render(f'<geom type="sphere" size="{radius}" pos="0.1 -0.2 0.3"/>')
    np.testing.assert_array_equal(depth > 0.0, hit)
    np.testing.assert_allclose(depth, expected, atol=1e-6)


def test_depth_of_a_box_is_its_top_and_its_outline_is_where_it_should_be():
    _, depth = render('<geom type="box" size="0.3 0.2 0.25" pos="0 0 0.25"/>' + PLANE)
    top = HEIGHT_M - 0.5
    on_top = optical_rays() * top
    inside = (np.abs(on_top[..., 0]) < 0.3) & (np.abs(on_top[..., 1]) < 0.2)
    np.testing.assert_allclose(depth[inside], top, atol=1e-6)
    assert np.all(depth[~inside] > top)


@pytest.mark.parametrize("size", [(96, 128), (95, 127), (3, 2), (1, 1), (33, 64)])
def test_coarse_to_fine_sees_what_a_ray_per_pixel_sees(size):
    """Any image size; the scene has flat, round and small things, at all distances."""
    geoms = (
        '<geom type="plane" size="3 3 1"/>'
        '<geom type="cylinder" size="0.2 0.3" pos="0.5 0.4 0.3" euler="40 20 0"/>'
        '<geom type="ellipsoid" size="0.3 0.2 0.1" pos="-0.4 0.3 0.4"/>'
        '<geom type="box" size="0.1 0.2 0.3" pos="-0.2 -0.4 0.3" euler="10 20 30"/>'
        '<geom type="capsule" size="0.1 0.3" pos="0.6 -0.5 0.3" euler="80 0 30"/>'
    )
    model, data = scene(geoms)
    height, width = size
    camera = RayCamera(model, width, height, 1.5)
    _, depth = camera.render(data, rotated(0.6))
    rays = camera.pinhole.back_project(camera.pinhole.pixel_grid(), np.ones(size))
    world = rays @ rotated(0.6)[:3, :3].T
    geom = np.zeros((1, 1), dtype=np.int32)
    expected = np.array(
        [
            mujoco.mj_ray(model, data, DOWN[:3, 3], ray, None, True, -1, geom)
            for ray in world.reshape(-1, 3)
        ]
    ).reshape(size)
    np.testing.assert_allclose(depth, np.maximum(expected, 0.0), rtol=1e-6)


def test_nothing_in_view_gives_background_and_no_depth():
    rgb, depth = render('<geom type="sphere" size="0.1" pos="0 0 5"/>')
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert rgb.dtype == np.uint8
    assert not depth.any()
    np.testing.assert_array_equal(rgb[5, 7], (255 * np.array(BACKGROUND_RGB)).astype(np.uint8))


def test_a_surface_that_faces_the_light_has_its_own_colour():
    rgb, _ = render('<geom type="plane" size="9 9 1" rgba="0.8 0.4 0.2 1"/>', light=OVERHEAD)
    np.testing.assert_allclose(rgb[40, 60], [204, 102, 51], atol=1)


def test_brightness_rises_with_the_light_and_falls_with_its_angle():
    by_intensity = [
        render(PLANE, light=LightConfig(intensity=value))[0].mean()
        for value in (0.3, 0.7, 1.0, 1.5)
    ]
    assert np.all(np.diff(by_intensity) > 1.0)
    by_angle = [
        render(PLANE, light=LightConfig(direction=(np.sin(a), 0.0, np.cos(a))))[0].mean()
        for a in (0.0, 0.4, 0.8, 1.2, 1.5)
    ]
    assert np.all(np.diff(by_angle) < -1.0)


def test_a_surface_turned_away_keeps_only_the_ambient_light():
    below, grazing = (
        render(PLANE, light=LightConfig(direction=(0.0, 0.0, -1.0)))[0],
        render(PLANE, light=LightConfig(direction=(1.0, 0.0, 0.0)))[0],
    )
    np.testing.assert_array_equal(below, grazing)
    assert below.min() > 0


def test_tint_scales_the_channels_apart():
    rgb, _ = render(PLANE, light=dataclasses.replace(OVERHEAD, tint=(1.0, 0.5, 0.0)))
    np.testing.assert_allclose(rgb[3, 3], [127, 63, 0], atol=1)


def test_too_much_light_saturates_and_does_not_wrap():
    rgb, _ = render(PLANE, light=dataclasses.replace(OVERHEAD, intensity=5.0))
    assert rgb.min() == 255


def test_hidden_groups_and_the_excluded_body_are_not_seen():
    geoms = (
        PLANE
        + '<geom type="box" size="0.2 0.2 0.1" group="3"/>'
        + '<body name="mast"><geom type="box" size="0.2 0.2 0.2"/></body>'
    )
    model, data = scene(geoms)
    centre = (HEIGHT // 2, WIDTH // 2)

    def depth_of(**arguments) -> float:
        camera = RayCamera(model, WIDTH, HEIGHT, FOV_RAD, **arguments)
        return float(camera.render(data, DOWN)[1][centre])

    mast = model.body("mast").id
    assert depth_of() == pytest.approx(1.8)
    assert depth_of(excluded_body=mast) == pytest.approx(1.9)
    assert depth_of(excluded_body=mast, visible_groups=(0, 1)) == pytest.approx(2.0)


def test_a_colour_changed_while_running_is_seen():
    model, data = scene(PLANE)
    camera = RayCamera(model, WIDTH, HEIGHT, FOV_RAD)
    model.geom_rgba[0, :3] = [1.0, 0.0, 0.0]
    rgb, _ = camera.render(data, DOWN, light=OVERHEAD)
    np.testing.assert_array_equal(rgb[10, 10], [255, 0, 0])


def test_frames_are_independent_of_each_other():
    model, data = scene(PLANE)
    camera = RayCamera(model, WIDTH, HEIGHT, FOV_RAD)
    first_rgb, first_depth = camera.render(data, DOWN)
    kept = first_rgb.copy(), first_depth.copy()
    camera.render(data, rotated(0.5), light=LightConfig(intensity=0.2))
    np.testing.assert_array_equal(first_rgb, kept[0])
    np.testing.assert_array_equal(first_depth, kept[1])


def test_depth_scale_multiplies_the_depth():
    _, depth = render(PLANE, depth_scale=1.06)
    np.testing.assert_allclose(depth, 1.06 * HEIGHT_M, rtol=1e-6)


def test_depth_noise_is_told_the_angle_of_incidence():
    class Spy:
        def apply(self, depth_m, incidence_cosine, rng):
            self.cosine = incidence_cosine
            return depth_m

    model, data = scene(PLANE)
    spy, pose = Spy(), rotated(0.5)
    camera = RayCamera(model, WIDTH, HEIGHT, FOV_RAD, depth_noise=spy)
    camera.render(data, pose, rng=np.random.default_rng(0))
    rays = optical_rays()
    downward = -(rays @ pose[:3, :3].T)[..., 2]
    np.testing.assert_allclose(spy.cosine, downward / np.linalg.norm(rays, axis=-1), rtol=1e-9)


def test_noise_repeats_for_a_seed_and_only_comes_with_a_generator():
    model, data = scene(PLANE)
    camera = RayCamera(model, WIDTH, HEIGHT, FOV_RAD)
    frames = [camera.render(data, DOWN, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(frames[0][0], frames[1][0])
    np.testing.assert_array_equal(frames[0][1], frames[1][1])
    assert np.any(frames[0][0] != frames[2][0])
    clean = [camera.render(data, DOWN) for _ in range(2)]
    np.testing.assert_array_equal(clean[0][0], clean[1][0])
    assert abs(frames[0][0].mean() - clean[0][0].mean()) < 1.0


def belt_image(travel_m: float) -> np.ndarray:
    model, data = scene('<geom type="box" size="5 5 0.1" rgba="0.5 0.5 0.5 1"/>')
    camera = RayCamera(model, WIDTH, HEIGHT, FOV_RAD, belt_texture=BeltTexture(0))
    return camera.render(data, DOWN, light=OVERHEAD, belt_travel_m=travel_m)[0].astype(int)


def test_the_belts_pattern_moves_with_the_belt():
    """Travel of 10 pixels' width on the belt's top moves the picture by 10 pixels."""
    focal = PinholeCamera.from_field_of_view(WIDTH, HEIGHT, FOV_RAD).fx
    still, moved = belt_image(0.0), belt_image(10.0 * (HEIGHT_M - 0.1) / focal)
    assert still.std() > 5.0
    np.testing.assert_array_equal(moved[:, 10:], still[:, :-10])


def test_the_belts_pattern_repeats_after_its_length():
    np.testing.assert_array_equal(belt_image(0.0), belt_image(np.float64(LENGTH_M) * 1000))
