"""Depth noise: its statistics, each bound derived from the size of the sample."""

import numpy as np
import pytest

from liquid_adapt_ros.sim.config import DepthNoiseConfig
from liquid_adapt_ros.sim.depth_noise import GRAZING_ALL_LOST, GRAZING_NONE_LOST, DepthNoise

SHAPE = (200, 200)
COUNT = SHAPE[0] * SHAPE[1]
FACING = np.ones(SHAPE)
CLEAN = DepthNoiseConfig(sigma_at_1m_m=0.0, quantisation_m=0.0, dropout_probability=0.0)


def measured(config: DepthNoiseConfig, depth_m: float, cosine: float = 1.0) -> np.ndarray:
    depth = np.full(SHAPE, depth_m, dtype=np.float32)
    result = DepthNoise(config).apply(depth, cosine * FACING, np.random.default_rng(0))
    assert result.dtype == np.float32
    assert result.shape == SHAPE
    return result


@pytest.mark.parametrize("depth_m", [0.4, 1.0, 2.5])
def test_sigma_grows_with_the_square_of_the_depth(depth_m):
    """The estimate of a sigma from n samples has a relative sigma of 1/sqrt(2n): 4 of them."""
    config = DepthNoiseConfig(sigma_at_1m_m=0.002, quantisation_m=0.0, dropout_probability=0.0)
    error = measured(config, depth_m).astype(float) - np.float32(depth_m)
    sigma = 0.002 * depth_m**2
    assert error.std() == pytest.approx(sigma, rel=4.0 / np.sqrt(2.0 * COUNT))
    assert abs(error.mean()) < 4.0 * sigma / np.sqrt(COUNT)


def test_depth_comes_in_whole_millimetres():
    config = DepthNoiseConfig(quantisation_m=0.001)
    millimetres = 1000.0 * measured(config, 0.8).astype(float)
    np.testing.assert_allclose(millimetres, np.rint(millimetres), atol=1e-4)
    assert len(np.unique(millimetres)) > 3


def test_random_drop_outs_have_their_probability():
    """A share p of n has sigma sqrt(p(1-p)/n): 4 of them."""
    config = DepthNoiseConfig(dropout_probability=0.02)
    share = np.mean(measured(config, 1.0) == 0.0)
    assert abs(share - 0.02) < 4.0 * np.sqrt(0.02 * 0.98 / COUNT)


def test_grazing_surfaces_are_lost_more_and_more():
    shares = [np.mean(measured(CLEAN, 1.0, cosine) == 0.0) for cosine in (0.5, 0.25, 0.15, 0.05)]
    assert shares[0] == 0.0
    assert shares[3] == 1.0
    assert 0.0 < shares[1] < shares[2] < 1.0
    expected = (GRAZING_NONE_LOST - 0.25) / (GRAZING_NONE_LOST - GRAZING_ALL_LOST)
    assert shares[1] == pytest.approx(expected, abs=4.0 * 0.5 / np.sqrt(COUNT))


@pytest.mark.parametrize("depth_m", [0.0, 0.1, 4.5])
def test_what_lies_outside_the_range_is_not_measured(depth_m):
    assert not measured(CLEAN, depth_m).any()


def test_without_noise_the_depth_is_unchanged():
    np.testing.assert_array_equal(measured(CLEAN, 1.2345), np.float32(1.2345))
