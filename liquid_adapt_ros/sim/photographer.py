"""Pictures of one world for several robots that would stand in the same place."""

import numpy as np

from liquid_adapt_ros.sim.camera import RayCamera
from liquid_adapt_ros.sim.config import LightConfig
from liquid_adapt_ros.sim.samples import CameraSample
from liquid_adapt_ros.sim.world import ConveyorWorld


class Photographer:
    """Renders what two robots see alike once, the noise included.

    Each robot's noise is as if it had a generator of its own, all from one seed: how much is drawn
    for a picture does not depend on what is seen.
    """

    def __init__(self, camera: RayCamera, rng: np.random.Generator) -> None:
        self._camera, self._rng = camera, rng
        self._time_s = -1.0
        # Of this instant: what has been rendered, from where rays have been cast last, and the
        # generator's state before all of it.
        self._pictures: list[tuple[np.ndarray, LightConfig, float, CameraSample]] = []
        self._cast_from: np.ndarray | None = None
        self._state: dict = {}

    def take(
        self, world: ConveyorWorld, mounted: np.ndarray, light: LightConfig, depth_scale: float
    ) -> CameraSample:
        """The picture from `mounted`, (4, 4) in base_link, now; another robot may have it too."""
        if world.time_s != self._time_s:
            self._time_s, self._state = world.time_s, self._rng.bit_generator.state
            self._pictures, self._cast_from = [], None
            world.update_poses()
        for pose, its_light, its_scale, picture in self._pictures:
            if (its_light, its_scale) == (light, depth_scale) and np.array_equal(pose, mounted):
                return picture
        if self._cast_from is None or not np.array_equal(self._cast_from, mounted):
            self._camera.look(world.data, world.base_transform() @ mounted)
            self._cast_from = mounted
        self._rng.bit_generator.state = self._state
        rgb, depth = self._camera.picture(
            light=light,
            belt_travel_m=world.drive.travel_m,
            depth_scale=depth_scale,
            rng=self._rng,
        )
        picture = CameraSample(world.time_s, rgb, depth, self._camera.matrix)
        self._pictures.append((mounted, light, depth_scale, picture))
        return picture
