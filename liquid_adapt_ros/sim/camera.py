"""Pinhole geometry and an RGB-D camera that casts rays through a MuJoCo scene (no OpenGL needed).

Optical frame as in REP-103: z forward, x right, y down. Pixel centres lie at whole coordinates
(u, v), as in OpenCV and sensor_msgs/CameraInfo. Depth is z along the optical axis, not the length
of the ray; 0 means that nothing was measured.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from liquid_adapt_ros.sim.belt_texture import BeltTexture
from liquid_adapt_ros.sim.config import CameraConfig, LightConfig
from liquid_adapt_ros.sim.depth_noise import DepthNoise
from liquid_adapt_ros.sim.ray_cast import RayCaster

AMBIENT_SHARE = 0.35  # of the light that reaches a surface whichever way it faces
BACKGROUND_RGB = (0.55, 0.58, 0.62)
COLOUR_SIGMA = 2.5  # white noise per channel, of 255; a small sensor indoors
DEFAULT_LIGHT = LightConfig()


@dataclass(frozen=True)
class PinholeCamera:
    """Ideal pinhole: focal lengths and principal point in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def from_field_of_view(
        cls, width: int, height: int, horizontal_fov_rad: float
    ) -> "PinholeCamera":
        """Square pixels, centred; the field of view spans the outer edges of the outer pixels."""
        if width < 1 or height < 1:
            raise ValueError(f"image of {width}x{height} pixels: both sides must be at least 1")
        if not 0.0 < horizontal_fov_rad < np.pi:
            raise ValueError(
                f"horizontal_fov_rad = {horizontal_fov_rad}: must lie between 0 and pi"
            )
        focal = 0.5 * width / float(np.tan(0.5 * horizontal_fov_rad))
        return cls(width, height, focal, focal, 0.5 * (width - 1), 0.5 * (height - 1))

    @property
    def matrix(self) -> np.ndarray:
        """K, (3, 3) float64, as CameraInfo carries it."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in the optical frame (m, z > 0) to pixels (..., 2) = (u, v)."""
        points = np.asarray(points, dtype=float)
        z = points[..., 2]
        if not np.all(z > 0.0):
            raise ValueError("a point to be projected lies behind the camera (z <= 0)")
        u = self.fx * points[..., 0] / z + self.cx
        v = self.fy * points[..., 1] / z + self.cy
        return np.stack([u, v], axis=-1)

    def back_project(self, pixels: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) = (u, v) with depth z (...) to points (..., 3) in the optical frame."""
        pixels = np.asarray(pixels, dtype=float)
        z = np.asarray(depth_m, dtype=float)
        x = (pixels[..., 0] - self.cx) / self.fx * z
        y = (pixels[..., 1] - self.cy) / self.fy * z
        return np.stack(np.broadcast_arrays(x, y, z), axis=-1)

    def pixel_grid(self) -> np.ndarray:
        """The pixels' (u, v), (height, width, 2) float64."""
        u, v = np.meshgrid(np.arange(self.width), np.arange(self.height))
        return np.stack([u, v], axis=-1).astype(float)

    def scaled(self, width: int, height: int) -> "PinholeCamera":
        """The same view resized to width x height (area-preserving resize, half-pixel centres)."""
        sx, sy = width / self.width, height / self.height
        return PinholeCamera(
            width,
            height,
            self.fx * sx,
            self.fy * sy,
            (self.cx + 0.5) * sx - 0.5,
            (self.cy + 0.5) * sy - 0.5,
        )


def rotation_matrix(rotation_rad: np.ndarray) -> np.ndarray:
    """Rotation vector (3,) rad to matrix (3, 3)."""
    quaternion, matrix = np.empty(4), np.empty(9)
    angle = float(np.linalg.norm(rotation_rad))
    axis = np.asarray(rotation_rad, dtype=float) / angle if angle > 0.0 else np.array([1.0, 0, 0])
    mujoco.mju_axisAngle2Quat(quaternion, axis, angle)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)


def look_at_pose(position_m: np.ndarray, look_at_m: np.ndarray) -> np.ndarray:
    """Pose (4, 4) of the optical frame at position_m that sees look_at_m in its centre, upright.

    Both points and the result are in the same frame, whose z is up.
    """
    position = np.asarray(position_m, dtype=float)
    forward = np.asarray(look_at_m, dtype=float) - position
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-9:
        raise ValueError(
            f"a camera at {position_m} that looks at {look_at_m} looks straight up or down: "
            "which side is up is not defined"
        )
    forward /= np.linalg.norm(forward)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = position
    return pose


def mounted_pose(
    config: CameraConfig,
    bump_rotation_rad: np.ndarray = (0.0, 0.0, 0.0),
    bump_translation_m: np.ndarray = (0.0, 0.0, 0.0),
) -> np.ndarray:
    """Pose (4, 4) of the optical frame in base_link, mounting error and bump included.

    Rotations are rotation vectors in the optical frame, translations are in base_link.
    """
    pose = look_at_pose(config.position_m, config.look_at_m)
    pose[:3, :3] = (
        pose[:3, :3]
        @ rotation_matrix(np.asarray(config.mount_rotation_rad))
        @ rotation_matrix(np.asarray(bump_rotation_rad))
    )
    pose[:3, 3] += np.asarray(config.mount_translation_m) + np.asarray(bump_translation_m)
    return pose


class RayCamera:
    """RGB-D camera that casts one ray per pixel through any MuJoCo model.

    Colours are read from model.geom_rgba at each frame (materials are not), so they may be changed
    while running; geoms with alpha 0 are invisible. No shadows, no reflections.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        width: int,
        height: int,
        horizontal_fov_rad: float,
        *,
        depth_noise: DepthNoise | None = None,
        belt_texture: BeltTexture | None = None,
        visible_groups: tuple[int, ...] = (0, 1, 2, 3, 4, 5),
        excluded_body: int = -1,
    ) -> None:
        """Precompute the rays.

        Args:
            depth_noise: noise of the depth image; None for DepthNoise() with its defaults.
            belt_texture: drawn on the belt's geom and moved with the belt; None for none.
            visible_groups: the geom groups that the camera sees.
            excluded_body: a body whose geoms are not seen (the camera's own mast), -1 for none.
        """
        self.pinhole = PinholeCamera.from_field_of_view(width, height, horizontal_fov_rad)
        self._model = model
        self._depth_noise = depth_noise or DepthNoise()
        self._belt_texture = belt_texture
        groups = np.zeros(mujoco.mjNGROUP, dtype=np.uint8)
        groups[list(visible_groups)] = 1
        rays = self.pinhole.back_project(self.pinhole.pixel_grid(), np.ones((height, width)))
        self._caster = RayCaster(model, rays, groups, excluded_body)
        self._ray_length = np.linalg.norm(rays, axis=-1)
        self._colour = np.empty((3, height, width), dtype=np.float32)
        self._origin = np.zeros(3)  # from where it looked last, in the world

    @property
    def matrix(self) -> np.ndarray:
        """K, (3, 3)."""
        return self.pinhole.matrix

    def render(
        self, data: mujoco.MjData, pose: np.ndarray, **conditions: object
    ) -> tuple[np.ndarray, np.ndarray]:
        """One frame: `look` and then `picture`, whose keywords `conditions` are."""
        self.look(data, pose)
        return self.picture(**conditions)

    def look(self, data: mujoco.MjData, pose: np.ndarray) -> None:
        """Find what each pixel sees of the scene as it is in data.

        mj_kinematics or mj_forward must have run. pose: (4, 4), the optical frame in the world.
        """
        self._caster.cast(data, pose)
        self._origin = pose[:3, 3].copy()

    def picture(
        self,
        *,
        light: LightConfig = DEFAULT_LIGHT,
        belt_travel_m: float = 0.0,
        depth_scale: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """A frame of what was looked at last.

        Args:
            light: distant light; its direction points from the scene to the light.
            belt_travel_m: way the belt has gone, moves the belt's texture.
            depth_scale: factor on the true depth, before noise and quantisation.
            rng: source of the noise; None renders without noise, quantisation and drop-outs.

        Returns:
            rgb uint8 (height, width, 3) and depth float32 (height, width) in m, 0 = none. Both
            are new arrays that the caller may keep.
        """
        rgb = self._shade(light, belt_travel_m, rng)
        depth = np.maximum(self._caster.depth, 0.0).astype(np.float32)
        if depth_scale != 1.0:
            depth *= np.float32(depth_scale)
        if rng is not None:
            depth = self._depth_noise.apply(depth, self._incidence_cosine(), rng)
        return rgb, depth

    def _shade(
        self,
        light: LightConfig,
        belt_travel_m: float,
        rng: np.random.Generator | None,
    ) -> np.ndarray:
        """Lambert and ambient shading of the last cast, (height, width, 3) uint8."""
        caster = self._caster
        direction = np.asarray(light.direction, dtype=float)
        lambert = caster.normal @ (direction / np.linalg.norm(direction))
        shade = np.maximum(lambert, 0.0, out=lambert).astype(np.float32)
        shade *= np.float32(1.0 - AMBIENT_SHARE)
        shade += np.float32(AMBIENT_SHARE)
        shade[caster.geom < 0] = 1.0
        if self._belt_texture is not None:
            self._belt_texture.modulate(
                shade, caster.geom, caster.depth, caster.rays, self._origin, belt_travel_m
            )
        brightness = 255.0 * light.intensity * np.asarray(light.tint)
        # The last row answers for index -1, which is what MuJoCo gives where no geom was hit.
        palette = np.vstack([self._model.geom_rgba[:, :3], [BACKGROUND_RGB]]) * brightness
        palette = np.ascontiguousarray(palette.T, dtype=np.float32)
        colour = self._colour
        for channel in range(3):
            np.take(palette[channel], caster.geom, out=colour[channel], mode="wrap")
        colour *= shade
        if rng is not None:
            noise = rng.standard_normal(colour.shape, dtype=np.float32)
            noise *= np.float32(COLOUR_SIGMA)
            colour += noise
        np.clip(colour, 0.0, 255.0, out=colour)
        return colour.transpose(1, 2, 0).astype(np.uint8, order="C")

    def _incidence_cosine(self) -> np.ndarray:
        """Cosine between ray and surface normal of the last cast, (height, width)."""
        cosine = np.einsum("hwk,hwk->hw", self._caster.normal, self._caster.rays)
        cosine /= self._ray_length
        return np.abs(cosine, out=cosine)
