"""Noise of a stereo depth camera.

Triangulation turns a disparity error into a depth error that grows with the square of the depth:
sigma_z = z^2 * subpixel / (focal_px * baseline_m) (Intel, "Tuning depth cameras for best
performance", and the same law for the structured-light Kinect in Khoshelham and Elberink, Sensors
12(2), 2012). 0.05 px, 640 px and 0.05 m, a RealSense D435 on well-textured surfaces, make 1.5 mm
at 1 m, the default of DepthNoiseConfig.
"""

import numpy as np

from liquid_adapt_ros.sim.config import DepthNoiseConfig

# Between these cosines of incidence the share of lost pixels falls from all to none: at grazing
# angles too little of the projected pattern comes back (Nguyen, Izadi and Lovell, "Modeling Kinect
# sensor noise", 3DIMPVT 2012, find no depth beyond about 80 degrees).
GRAZING_ALL_LOST = 0.10
GRAZING_NONE_LOST = 0.30


class DepthNoise:
    """White noise growing with z^2, quantisation, and drop-outs (random and at grazing angles)."""

    def __init__(self, config: DepthNoiseConfig | None = None) -> None:
        self._config = config or DepthNoiseConfig()

    def apply(
        self, depth_m: np.ndarray, incidence_cosine: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """What the camera reports for the true depth.

        Args:
            depth_m: (h, w) float32 true depth z, 0 where there is none.
            incidence_cosine: (h, w) cosine between the ray and the surface normal, 0..1.
            rng: source of the noise.

        Returns:
            (h, w) float32 measured depth, 0 where lost or outside the range.
        """
        config = self._config
        measured = rng.standard_normal(depth_m.shape, dtype=np.float32)
        measured *= np.float32(config.sigma_at_1m_m)
        measured *= depth_m
        measured *= depth_m
        measured += depth_m
        if config.quantisation_m > 0.0:
            measured /= np.float32(config.quantisation_m)
            np.rint(measured, out=measured)
            measured *= np.float32(config.quantisation_m)
        chance = rng.random(depth_m.shape, dtype=np.float32)
        lost = chance < config.dropout_probability
        lost |= incidence_cosine < GRAZING_ALL_LOST + chance * np.float32(
            GRAZING_NONE_LOST - GRAZING_ALL_LOST
        )
        lost |= measured < config.range_m[0]
        lost |= measured > config.range_m[1]
        measured[lost] = 0.0
        return measured
