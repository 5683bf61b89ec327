"""The objects on the belt: a fixed pool of bodies, reshaped each time one enters the belt."""

from dataclasses import dataclass

import mujoco
import numpy as np

from liquid_adapt_ros.sim import mjcf
from liquid_adapt_ros.sim.config import ObjectConfig

ENTRY_X_M = -1.15
HEIGHT_SHARE = {"box": 1.0, "cylinder": 1.0, "ellipsoid": 0.75}
GEOM_TYPE = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
}


@dataclass(frozen=True)
class ObjectState:
    """One object at one instant: centre (3,) in base_link, m; object_id is never used twice."""

    object_id: int
    position: np.ndarray
    half_height_m: float
    on_belt: bool


@dataclass(frozen=True)
class ObjectShape:
    """What an object is: half sizes (3,) m, mass kg, colour (rgb)."""

    shape: str
    half_size_m: np.ndarray
    mass_kg: float
    colour: np.ndarray


def sample_shape(config: ObjectConfig, rng: np.random.Generator) -> ObjectShape:
    """Draw an object; it is never taller than its smaller side, so that it does not topple."""
    shape = config.shapes[rng.integers(len(config.shapes))]
    length, width, height = rng.uniform(*config.size_m, 3)
    if shape == "cylinder":
        width = length
    height = min(height, HEIGHT_SHARE[shape] * min(length, width))
    colour = rng.uniform(0.05, 1.0, 3)
    half = 0.5 * np.array((length, width, height))
    return ObjectShape(shape, half, rng.uniform(*config.mass_kg), colour)


class ObjectPool:
    """Bodies object_0.. of the model; a free one is parked far away, weightless and still."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._model, self._data = model, data
        self._scratch = mujoco.MjData(model)
        names = [f"object_{index}" for index in range(mjcf.OBJECT_COUNT)]
        self.body = np.array([model.body(name).id for name in names])
        self._geom = np.array([model.geom(name).id for name in names])
        self._contact = np.array([model.geom(f"{name}_contact").id for name in names])
        self._qpos = np.array([model.joint(name).qposadr[0] for name in names])
        self._dof = np.array([model.joint(name).dofadr[0] for name in names])
        self.object_id: list[int | None] = [None] * mjcf.OBJECT_COUNT
        self.half_height_m = np.zeros(mjcf.OBJECT_COUNT)
        self.half_width_m = np.zeros(mjcf.OBJECT_COUNT)
        self._next_id = 0

    def active_slots(self) -> list[int]:
        """Slots of the pool that are in the scene."""
        return [slot for slot, item in enumerate(self.object_id) if item is not None]

    def position(self, slot: int) -> np.ndarray:
        """Centre (3,) in the world, m."""
        return self._data.xpos[self.body[slot]]

    def spawn(self, shape: ObjectShape, x_y: tuple[float, float], yaw: float, speed: float) -> int:
        """Put a new object on the belt, moving at the belt's speed; returns its slot.

        Raises RuntimeError when the pool is exhausted.
        """
        if None not in self.object_id:
            raise RuntimeError(f"all {mjcf.OBJECT_COUNT} objects of the pool are in the scene")
        slot = self.object_id.index(None)
        self._reshape(slot, shape)
        height = mjcf.BELT_TOP_Z_M + shape.half_size_m[2]
        address, dof = self._qpos[slot], self._dof[slot]
        self._data.qpos[address : address + 3] = (*x_y, height)
        self._data.qpos[address + 3 : address + 7] = (np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))
        self._data.qvel[dof : dof + 6] = (speed, 0, 0, 0, 0, 0)
        self.object_id[slot] = self._next_id
        self.half_height_m[slot] = shape.half_size_m[2]
        self.half_width_m[slot] = min(shape.half_size_m[:2])
        self._next_id += 1
        self._data.xpos[self.body[slot]] = (*x_y, height)
        return slot

    def park(self, slot: int) -> None:
        """Take an object out of the scene."""
        address, dof = self._qpos[slot], self._dof[slot]
        self._data.qpos[address : address + 3] = self._model.body_pos[self.body[slot]]
        self._data.qpos[address + 3 : address + 7] = (1, 0, 0, 0)
        self._data.qvel[dof : dof + 6] = 0.0
        self._model.body_gravcomp[self.body[slot]] = 1.0
        self.object_id[slot] = None

    def _reshape(self, slot: int, shape: ObjectShape) -> None:
        """Write shape, size, colour, mass and inertia (of the solid) into the model."""
        model, body, geom, half = self._model, self.body[slot], self._geom[slot], shape.half_size_m
        size = half if shape.shape != "cylinder" else np.array((half[0], half[2], 0.0))
        model.geom_type[geom] = GEOM_TYPE[shape.shape]
        model.geom_size[geom] = size
        model.geom_size[self._contact[slot]] = half
        for item in (geom, self._contact[slot]):
            model.geom_rbound[item] = np.linalg.norm(half)
            model.geom_aabb[item] = (0, 0, 0, *half)
        start, count = model.body_bvhadr[body], model.body_bvhnum[body]
        model.bvh_aabb[start : start + count] = (0, 0, 0, *half)
        model.geom_rgba[geom, :3] = shape.colour
        model.body_gravcomp[body] = 0.0
        model.body_mass[body] = shape.mass_kg
        x2, y2, z2 = (2 * half) ** 2
        box = np.array((y2 + z2, x2 + z2, x2 + y2)) / 12.0
        if shape.shape == "cylinder":
            box[:2] = (3 * half[0] ** 2 + z2) / 12.0
            box[2] = half[0] ** 2 / 2.0
        elif shape.shape == "ellipsoid":
            box *= 12.0 / 20.0
        model.body_inertia[body] = shape.mass_kg * box
        self.update_constants()

    def update_constants(self) -> None:
        """Derive the model's constants from its masses again.

        mj_setConst overwrites the welds' relative poses, that of a held object too: put them back.
        """
        welds = self._model.eq_data.copy()
        mujoco.mj_setConst(self._model, self._scratch)
        self._model.eq_data[:] = welds


class Spawner:
    """Feeds the belt: the next object enters when the belt has moved on by a drawn spacing."""

    def __init__(self, config: ObjectConfig, rng: np.random.Generator) -> None:
        self._config, self._rng = config, rng
        self._next_at_m = 0.0

    def fill(self, pool: ObjectPool, speed: float) -> None:
        """Place the objects that are on the belt when the episode starts."""
        x = self._rng.uniform(*self._config.first_x_m)
        while x > ENTRY_X_M:
            self._enter(pool, x, speed)
            x -= self._rng.uniform(*self._config.spacing_m)
        self._next_at_m = ENTRY_X_M - x

    def step(self, pool: ObjectPool, travel_m: float, speed: float) -> None:
        """Let an object enter when it is due and the pool has a free body."""
        if travel_m >= self._next_at_m and None in pool.object_id:
            self._enter(pool, ENTRY_X_M, speed)
            self._next_at_m = travel_m + self._rng.uniform(*self._config.spacing_m)

    def _enter(self, pool: ObjectPool, x: float, speed: float) -> None:
        y = mjcf.BELT_Y_M + self._rng.uniform(*self._config.lateral_offset_m)
        yaw = self._rng.uniform(-np.pi, np.pi)
        pool.spawn(sample_shape(self._config, self._rng), (x, y), yaw, speed)
