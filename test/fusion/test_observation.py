"""One observation out of all sensors."""

import math

import numpy as np
import pytest

from liquid_adapt_ros.fusion.normalise import Normaliser
from liquid_adapt_ros.fusion.observation import FusionConfig, Observer

MS = 1_000_000
START = 10**12


def observer(size=20, joints=6):
    return Observer(Normaliser(np.full(size, 0.5), np.full(size, 2.0)), joints, FusionConfig())


def test_features_are_zero_and_ages_infinite_before_anything_came():
    empty = observer()
    np.testing.assert_array_equal(empty.features(), 0.0)
    ages = empty.ages(START)
    assert (ages.camera_s, ages.imu_s, ages.joint_s) == (math.inf,) * 3
    assert not empty.validity(ages).all


def test_each_modality_lands_in_its_place_normalised():
    full = observer()
    full.take_embedding(START, START, np.arange(8.0))
    full.take_imu(START, START, np.arange(8.0, 14.0))
    full.take_joints(START, START, np.arange(14.0, 20.0))
    np.testing.assert_allclose(full.features(), (np.arange(20.0) - 0.5) / 2.0)
    np.testing.assert_allclose(full.raw_features, np.arange(20.0))
    assert full.validity(full.ages(START)).all


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_imu_sample_leaves_no_trace(bad):
    full = observer()
    full.take_imu(START, START, np.ones(6))
    before = full.raw_features
    with pytest.raises(ValueError, match="not finite"):
        full.take_imu(START + 5 * MS, START + 5 * MS, (1.0, bad, 1.0, 1.0, 1.0, 1.0))
    np.testing.assert_array_equal(full.raw_features, before)
    assert full.ages(START + 5 * MS).imu_s == pytest.approx(0.005)


def test_stale_modalities_keep_their_value_and_lose_their_flag():
    full = observer()
    full.take_embedding(START, START, np.full(8, 3.0))
    full.take_joints(START, START, np.full(6, 2.0))
    later = START + 201 * MS
    valid = full.validity(full.ages(later))
    assert not valid.camera and not valid.joint
    np.testing.assert_allclose(full.raw_features[:8], 3.0)
    assert full.validity(full.ages(START + 199 * MS)).camera


def test_after_a_gap_the_filter_starts_at_the_new_value():
    full = observer()
    full.take_joints(START, START, np.zeros(6))
    full.take_joints(START + 10 * MS, START + 10 * MS, np.ones(6))
    assert 0.0 < full.raw_features[-1] < 0.9
    later = START + 1000 * MS
    full.take_joints(later, later, np.full(6, 5.0))
    np.testing.assert_allclose(full.raw_features[-6:], 5.0)


def test_reset_accepts_earlier_stamps():
    full = observer()
    full.take_imu(START, START, np.ones(6))
    full.reset()
    full.take_imu(MS, MS, np.full(6, 2.0))
    np.testing.assert_allclose(full.raw_features[8:14], 2.0)


def test_another_configuration_holds_from_the_next_sample_on():
    full = observer()
    for tick in range(5):
        full.take_imu(START + 5 * tick * MS, START + 5 * tick * MS, np.full(6, float(tick)))
        full.take_joints(START + 10 * tick * MS, START + 10 * tick * MS, np.full(6, float(tick)))
    joints = full.raw_features[-6:]
    full.change_config(FusionConfig(imu_cutoff_hz=5.0, joint_max_age_s=0.001))
    now_ns = START + 50 * MS
    full.take_imu(now_ns, now_ns, np.full(6, 7.0))
    np.testing.assert_allclose(full.raw_features[8:14], 7.0)  # another filter, settled
    assert not full.validity(full.ages(now_ns)).joint
    # The joints' filter is the one it was, with its memory.
    np.testing.assert_array_equal(full.raw_features[-6:], joints)
    full.change_config(FusionConfig(future_tolerance_s=1.0))
    full.take_joints(now_ns + 500 * MS, now_ns, np.zeros(6))
    with pytest.raises(ValueError, match="in the future"):
        observer().take_joints(now_ns + 500 * MS, now_ns, np.zeros(6))


@pytest.mark.parametrize("sensor", ["imu", "joint"])
def test_a_cutoff_that_its_rate_can_not_carry_is_refused_by_name(sensor):
    message = f"^{sensor}_cutoff_hz must be below half of {sensor}_rate_hz, which is 20, not 20$"
    with pytest.raises(ValueError, match=message):
        FusionConfig(**{f"{sensor}_rate_hz": 40.0})
