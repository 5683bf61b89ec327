"""Normalisation of features."""

import numpy as np
import pytest

from liquid_adapt_ros.fusion.normalise import Normaliser


def test_scales_and_clips_and_leaves_its_input_alone():
    raw = np.array([3.0, -1.0, 1e9], np.float32)
    normalised = Normaliser([1.0, -1.0, 0.0], [2.0, 5.0, 0.1])(raw)
    np.testing.assert_array_equal(normalised, np.array([1.0, 0.0, 10.0], np.float32))
    np.testing.assert_array_equal(raw, np.array([3.0, -1.0, 1e9], np.float32))


@pytest.mark.parametrize(
    ("mean", "scale"),
    [([0.0], [0.0]), ([0.0], [-1.0]), ([np.nan], [1.0]), ([0.0, 0.0], [1.0]), ([[0.0]], [[1.0]])],
)
def test_impossible_statistics_are_refused(mean, scale):
    with pytest.raises(ValueError, match="scale"):
        Normaliser(mean, scale)
