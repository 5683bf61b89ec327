"""The suction gripper: takes hold of what its lip touches, lets go when it is switched off."""

import mujoco
import numpy as np

from liquid_adapt_ros.sim import mjcf
from liquid_adapt_ros.sim.objects import ObjectPool

REACH_M = 0.006  # between the lip and the surface below it; a bellows gives that much
SEAL_SHARE = 0.75  # of the object's half width: further out the lip does not seal


def seals(lip: np.ndarray, half_height_m: float, half_width_m: float) -> bool:
    """Whether the lip (3,), given from the centre of an object, can take hold of its top."""
    x, y, z = lip.tolist()
    reach = SEAL_SHARE * half_width_m
    return abs(z - half_height_m) < REACH_M and x * x + y * y < reach * reach


class Suction:
    """Welds the tool to the object below its lip while suction is on."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, pool: ObjectPool) -> None:
        self._model, self._data, self._pool = model, data, pool
        self._tool_body = model.body("tool").id
        self._tool_site = model.site("tool").id
        self._weld = [model.equality(f"suction_{i}").id for i in range(mjcf.OBJECT_COUNT)]
        self.on = False
        self.held_slot: int | None = None

    @property
    def held_id(self) -> int | None:
        """The object that is held, or None."""
        return None if self.held_slot is None else self._pool.object_id[self.held_slot]

    def switch(self, on: bool) -> None:
        """Switch suction; switching off releases what is held."""
        self.on = on
        if not on and self.held_slot is not None:
            self._data.eq_active[self._weld[self.held_slot]] = 0
            self.held_slot = None

    def step(self) -> None:
        """Take hold of an object that the lip touches."""
        if not self.on or self.held_slot is not None:
            return
        lip = self._data.site_xpos[self._tool_site]
        for slot in self._pool.active_slots():
            if self._touches(slot, lip):
                self._attach(slot)
                return

    def _touches(self, slot: int, lip: np.ndarray) -> bool:
        pool = self._pool
        offset = lip - pool.position(slot)
        return seals(offset, pool.half_height_m[slot], pool.half_width_m[slot])

    def _attach(self, slot: int) -> None:
        data, weld, body = self._data, self._weld[slot], self._pool.body[slot]
        rotation = data.xmat[self._tool_body].reshape(3, 3)
        inverse, relative = np.empty(4), np.empty(4)
        mujoco.mju_negQuat(inverse, data.xquat[self._tool_body])
        mujoco.mju_mulQuat(relative, inverse, data.xquat[body])
        self._model.eq_data[weld, 0:3] = 0.0
        self._model.eq_data[weld, 3:6] = (data.xpos[body] - data.xpos[self._tool_body]) @ rotation
        self._model.eq_data[weld, 6:10] = relative
        data.eq_active[weld] = 1
        self.held_slot = slot
