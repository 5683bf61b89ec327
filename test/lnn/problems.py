"""Random policies and windows for the tests of this folder."""

import numpy as np

from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.spec import FeatureLayout, PolicySpec

SMALL = PolicySpec(inputs=FeatureLayout(4, 2, 6), hidden=5, head=7)


def random_params(spec: PolicySpec, seed: int, dtype=np.float64) -> dict[str, np.ndarray]:
    """Initial weights with random biases, so that no gradient is zero by chance."""
    rng = np.random.default_rng(seed)
    params = initial_params(spec, rng)
    return {
        name: (value + 0.1 * rng.standard_normal(value.shape)).astype(dtype)
        for name, value in params.items()
    }


def random_window(
    spec: PolicySpec, batch: int, window: int, seed: int, dtype=np.float64
) -> tuple[np.ndarray, np.ndarray]:
    """Initial states (B, H) and features (B, T, F)."""
    rng = np.random.default_rng(seed)
    hidden_state = rng.standard_normal((batch, spec.hidden)).astype(dtype)
    features = rng.standard_normal((batch, window, spec.features)).astype(dtype)
    return hidden_state, features
