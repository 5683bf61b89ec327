"""Belt profiles: within their bounds, continuous, not too abrupt."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.sim.belt import DRIVE_SPEED_MAX_M_S, BeltDrive, belt_profile
from liquid_adapt_ros.sim.randomisation import BELT_SPEED_M_S, sample_nominal

STEP_S = 0.02


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_nominal_profiles_keep_speed_and_acceleration_bounds(seed):
    rng = np.random.default_rng(seed)
    config = sample_nominal(rng).belt
    profile = belt_profile(config, rng)
    speed = np.array([profile.speed(t) for t in np.arange(0.0, 40.0, STEP_S)])
    assert speed.min() >= BELT_SPEED_M_S[0] - 1e-9
    assert speed.max() <= BELT_SPEED_M_S[1] + 1e-9
    assert np.abs(np.diff(speed)).max() / STEP_S <= 0.2 + 1e-6


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_profile_is_the_same_for_a_seed(seed):
    speeds = []
    for _ in range(2):
        rng = np.random.default_rng(seed)
        profile = belt_profile(sample_nominal(rng).belt, rng)
        speeds.append([profile.speed(t) for t in (0.0, 3.3, 17.0, 5000.0)])
    assert speeds[0] == speeds[1]


def test_drive_follows_a_jump_of_the_set_point_without_a_jump():
    drive = BeltDrive(0.1)
    speeds = []
    for _ in range(500):
        drive.step(9.0, 0.002)
        speeds.append(drive.speed_m_s)
    assert np.abs(np.diff(speeds)).max() <= 0.5 * 0.002 + 1e-12
    assert speeds[-1] == DRIVE_SPEED_MAX_M_S
    assert drive.travel_m > 0.0
