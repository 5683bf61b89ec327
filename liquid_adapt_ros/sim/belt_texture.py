"""Stripes and speckle on the belt that move with it, so that a camera can see the belt's speed."""

import numpy as np

CELL_M = 0.01
STRIPE_EVERY_M = 0.15
STRIPE_WIDTH_M = 0.02
STRIPE_DARKENING = 0.25
SPECKLE_CONTRAST = 0.10
LENGTH_M = 1.2  # the pattern repeats; a whole number of stripes
WIDTH_M = 0.4
SPECKLE_SEED = 20240229  # the pattern is the same in every episode, as a real belt's is


class BeltTexture:
    """A repeating brightness pattern fixed to the belt, for the geom that stands for the belt."""

    def __init__(self, geom_id: int) -> None:
        self._geom_id = geom_id
        columns, rows = round(LENGTH_M / CELL_M), round(WIDTH_M / CELL_M)
        speckle = np.random.default_rng(SPECKLE_SEED).standard_normal((columns, rows))
        x = (np.arange(columns) + 0.5) * CELL_M
        stripe = (x % STRIPE_EVERY_M) < STRIPE_WIDTH_M
        brightness = 1.0 + SPECKLE_CONTRAST * np.clip(speckle, -2.0, 2.0)
        brightness -= STRIPE_DARKENING * stripe[:, None]
        self._brightness = brightness.astype(np.float32)

    def modulate(
        self,
        shade: np.ndarray,
        geom: np.ndarray,
        distance: np.ndarray,
        rays: np.ndarray,
        origin: np.ndarray,
        belt_travel_m: float,
    ) -> None:
        """Multiply shade (h, w) by the pattern, in place, where the belt was hit.

        Args:
            geom: (h, w) id of the geom hit. distance: (h, w) in units of the ray.
            rays: (h, w, 3) in the world. origin: (3,) of the rays in the world.
            belt_travel_m: way the belt has gone along the world's x.
        """
        on_belt = geom == self._geom_id
        reach = distance[on_belt]
        x = origin[0] - belt_travel_m + reach * rays[..., 0][on_belt]
        y = origin[1] + reach * rays[..., 1][on_belt]
        columns, rows = self._brightness.shape
        column = np.floor(x / CELL_M).astype(np.int64) % columns
        row = np.floor(y / CELL_M).astype(np.int64) % rows
        shade[on_belt] *= self._brightness[column, row]
