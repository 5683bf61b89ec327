from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from liquid_adapt_ros.runtime.limits import ActionLimiter, ActionLimits, Command

LIMITS = ActionLimits(
    joint_velocity_rad_s=(3.0, 2.0),
    joint_acceleration_rad_s2=(10.0, 4.0),
    base_velocity=(0.5, 1.0),
    base_acceleration=(1.0, 2.0),
)
VELOCITY = np.array([3.0, 2.0, 0.5, 1.0])
ACCELERATION = np.array([10.0, 4.0, 1.0, 2.0])

intervals = st.floats(1e-4, 10.0)
any_number = st.floats(width=64)
actions = st.builds(
    Command,
    arrays(np.float64, 2, elements=any_number),
    arrays(np.float64, 2, elements=any_number),
    any_number,
)


def values(command: Command) -> np.ndarray:
    return np.concatenate([command.joint_velocity, command.base])


@given(st.lists(st.tuples(actions, intervals), max_size=30))
def test_no_command_exceeds_velocity_or_acceleration_whatever_is_asked(sequence):
    limiter, last = ActionLimiter(LIMITS), np.zeros(4)
    for action, dt_s in sequence:
        command, _ = limiter.limit(action, dt_s)
        assert (np.abs(values(command)) <= VELOCITY).all()
        granted = ACCELERATION * min(dt_s, LIMITS.longest_interval_s)
        assert (np.abs(values(command) - last) <= granted * (1 + 1e-9) + 1e-12).all()
        assert 0.0 <= command.gripper <= 1.0
        last = values(command)


@given(st.lists(actions, min_size=1, max_size=20), st.floats(0.001, 0.05))
def test_smooth_stop_reaches_rest_in_finite_time_without_turning_back(sequence, dt_s):
    limiter = ActionLimiter(LIMITS)
    for action in sequence:
        command, _ = limiter.limit(action, 0.05)
    gripper, last = command.gripper, values(command)
    longest = int(np.ceil((VELOCITY / ACCELERATION).max() / dt_s)) + 1
    for _ in range(longest):
        command = limiter.smooth_stop(dt_s)
        assert (np.abs(values(command)) <= np.abs(last)).all()
        assert (values(command) * last >= 0.0).all()
        assert command.gripper == gripper
        last = values(command)
    assert limiter.at_rest
    assert (last == 0.0).all()


def test_action_within_the_limits_passes_unchanged():
    limiter = ActionLimiter(LIMITS)
    wanted = Command(np.array([0.05, -0.02]), np.array([0.005, 0.01]), 1.0)
    command, applied = limiter.limit(wanted, 0.01)
    assert not applied
    np.testing.assert_array_equal(values(command), values(wanted))
    assert command.gripper == 1.0


@pytest.mark.parametrize(
    "wanted",
    [
        Command(np.array([9.0, 0.0]), np.zeros(2), 0.0),
        Command(np.zeros(2), np.array([0.0, -9.0]), 0.0),
        Command(np.zeros(2), np.zeros(2), 1.2),
    ],
)
def test_limited_action_is_reported(wanted):
    assert ActionLimiter(LIMITS).limit(wanted, 0.01)[1]


def test_action_that_is_not_finite_slows_down_and_keeps_the_gripper():
    limiter = ActionLimiter(LIMITS)
    limiter.limit(Command(np.array([0.1, 0.0]), np.zeros(2), 1.0), 0.01)
    command, applied = limiter.limit(Command(np.array([np.nan, 0.0]), np.zeros(2), 0.0), 0.004)
    assert applied
    assert command.joint_velocity[0] == pytest.approx(0.06)
    assert command.gripper == 1.0


def test_pause_does_not_grant_a_jump():
    command, _ = ActionLimiter(LIMITS).limit(Command(np.array([3.0, 0]), np.zeros(2), 0.0), 60.0)
    assert command.joint_velocity[0] == pytest.approx(10.0 * 0.05)


def test_reset_starts_from_rest_with_the_gripper_off():
    limiter = ActionLimiter(LIMITS)
    limiter.limit(Command(np.ones(2), np.ones(2), 1.0), 0.05)
    limiter.reset()
    assert limiter.at_rest
    assert limiter.smooth_stop(0.01).gripper == 0.0


def test_lower_limits_are_reached_within_the_new_acceleration_and_then_hold():
    limiter = ActionLimiter(LIMITS)
    fast = Command(np.array([3.0, 2.0]), np.array([0.5, 1.0]), 1.0)
    for _ in range(20):
        command, _ = limiter.limit(fast, 0.05)
    slow = replace(LIMITS, joint_velocity_rad_s=(1.0, 1.0), joint_acceleration_rad_s2=(5.0, 2.0))
    limiter.change_limits(slow)
    for _ in range(10):
        last, (command, applied) = values(command), limiter.limit(fast, 0.05)
        assert applied
        assert (np.abs(values(command) - last)[:2] <= np.array([5.0, 2.0]) * 0.05 + 1e-12).all()
    np.testing.assert_allclose(command.joint_velocity, [1.0, 1.0])
    np.testing.assert_allclose(command.base, [0.5, 1.0])
    assert command.gripper == 1.0


def test_limits_of_another_arm_change_nothing():
    limiter = ActionLimiter(LIMITS)
    with pytest.raises(ValueError, match="limits for 1 joints, expected 2"):
        limiter.change_limits(
            replace(LIMITS, joint_velocity_rad_s=(1.0,), joint_acceleration_rad_s2=(1.0,))
        )
    assert limiter.limits is LIMITS


def test_wrong_use_is_refused():
    limiter = ActionLimiter(LIMITS)
    with pytest.raises(ValueError, match="3 joint velocities, expected 2"):
        limiter.limit(Command(np.zeros(3), np.zeros(2), 0.0), 0.01)
    with pytest.raises(ValueError, match="dt_s must be positive"):
        limiter.limit(Command(np.zeros(2), np.zeros(2), 0.0), 0.0)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"joint_velocity_rad_s": (3.0, 0.0)}, "joint_velocity_rad_s must be positive"),
        ({"base_velocity": (float("nan"), 1.0)}, "base_velocity must be positive"),
        ({"joint_acceleration_rad_s2": (1.0,)}, "2 joint velocity limits, 1 joint acceleration"),
        ({"base_acceleration": (1.0,)}, "base limits have two components"),
        ({"longest_interval_s": 0.0}, "longest_interval_s must be positive"),
    ],
)
def test_senseless_limits_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ActionLimits(**(vars(LIMITS) | change))
