"""The readout of positions: exact where it can be, not led astray, never a sum that cancels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.tools.pretrain.position_readout import position_readout

OWN_NOISE = 0.005  # of each feature's spread: what the readout allows for


def made_up(seed, count=400, size=6):
    """Features of different size, and positions that are linear in them."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, size)) * rng.uniform(0.1, 3.0, size) + 1.0
    position = features @ rng.uniform(-0.1, 0.1, (size, 3)) + rng.uniform(-1.0, 1.0, 3)
    return features, position, rng


def read(readout, features):
    weights, bias = readout
    return features @ weights.T + bias


@settings(deadline=None)
@given(seed=st.integers(0, 2**31))
def test_positions_that_are_linear_in_the_features_are_read(seed):
    features, position, _ = made_up(seed)
    # A ridge of OWN_NOISE shrinks each weight by at most a few OWN_NOISE squared.
    allowed = 10.0 * OWN_NOISE**2 * np.ptp(position, axis=0).max()
    np.testing.assert_allclose(
        read(position_readout(features, position), features), position, rtol=0, atol=allowed
    )


@settings(deadline=None)
@given(seed=st.integers(0, 2**31))
def test_pictures_of_another_object_do_not_decide(seed):
    features, position, rng = made_up(seed)
    misled = position.copy()
    misled[rng.choice(len(position), 40, replace=False)] += [0.3, -0.2, 0.1]
    error = np.linalg.norm(read(position_readout(features, misled), features) - position, axis=1)
    # A tenth is off by 370 mm; plain least squares would be off by 37 mm in the mean.
    assert np.median(error) < 0.002


def test_unknown_positions_do_not_count():
    features, position, rng = made_up(0)
    unknown = rng.random(len(position)) < 0.5
    partly = np.where(unknown[:, None], np.nan, position)
    all_given = position_readout(features[~unknown], position[~unknown])
    for found, expected in zip(position_readout(features, partly), all_given, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_features_that_nearly_cancel_are_not_added_up():
    """Two features are alike but for what says the position, which is hidden in noise."""
    features, position, rng = made_up(0)
    position = position[:, :1] * [1.0, 0.0, 0.0]
    hidden = 1e-4 * (position[:, 0] - position[:, 0].mean()) / position[:, 0].std()
    common = rng.standard_normal(len(position))
    weights, _ = position_readout(np.column_stack([common, common + hidden]), position)
    # To read it from the difference alone takes weights of 1e4 spreads of the position.
    assert np.abs(weights).max() < 10.0 * position[:, 0].std()


def test_a_feature_that_never_changes_says_nothing():
    features, position, _ = made_up(0)
    features[:, 2] = 5.0
    weights, bias = position_readout(features, position)
    assert np.isfinite(weights).all() and np.isfinite(bias).all()
    np.testing.assert_array_equal(weights[:, 2], 0.0)


def test_where_no_position_is_known_none_can_be_read():
    features, position, _ = made_up(0, count=6)
    with pytest.raises(ValueError, match="none of the 6 positions is known"):
        position_readout(features, position * np.nan)
