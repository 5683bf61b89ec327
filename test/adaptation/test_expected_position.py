import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.expected_position import BaseMotion, SteadyMotion

SEEN_S = np.arange(-0.4, 0.01, 0.05)
LATER_S = np.arange(0.0, 0.31, 0.01)
COMMANDS_S = np.arange(-0.4, 0.05, 0.01)
PLACE = np.array([0.2, 0.6, 0.3])

coordinate = st.floats(-1.0, 1.0)
vector = st.tuples(coordinate, coordinate, coordinate).map(np.array)


@given(start=vector, velocity=vector)
def test_steady_motion_goes_on(start, velocity):
    seen = start + SEEN_S[:, None] * velocity
    motion = SteadyMotion.fit(SEEN_S, seen, base=None)
    np.testing.assert_allclose(motion.velocity, velocity, atol=1e-12)
    np.testing.assert_allclose(motion.at(LATER_S), start + LATER_S[:, None] * velocity, atol=1e-12)


@given(
    velocity=vector,
    forward=st.lists(st.floats(-0.5, 0.5), min_size=len(COMMANDS_S), max_size=len(COMMANDS_S)),
)
def test_a_base_that_speeds_up_and_slows_down_is_taken_out(velocity, forward):
    """The object moves steadily in the world; the base goes on as it was told last."""
    twist = np.stack([forward, np.zeros(len(forward))], axis=1)

    def base_x(times_s):
        fine_s = np.arange(-0.4, 0.4, 0.001) + 0.0005
        told = np.searchsorted(COMMANDS_S, fine_s + 1e-9, "right") - 1
        way = 0.001 * np.cumsum(np.asarray(forward)[np.minimum(told, len(forward) - 1)])
        return np.interp(times_s, fine_s + 0.0005, way, left=0.0)

    def seen_from_base(times_s):
        position = PLACE + times_s[:, None] * velocity
        position[:, 0] -= base_x(times_s)
        return position

    base = BaseMotion(COMMANDS_S, twist, PLACE)
    motion = SteadyMotion.fit(SEEN_S, seen_from_base(SEEN_S), base)
    # base_x sums steps of 1 ms of at most 0.5 m/s; a velocity is that over a part of 0.4 s.
    np.testing.assert_allclose(motion.at(LATER_S), seen_from_base(LATER_S), atol=2e-3)
    np.testing.assert_allclose(motion.velocity, velocity, atol=5e-3)


@pytest.mark.parametrize("turn_rad_s", [-0.2, 0.1, 0.2])
def test_points_turn_against_the_base(turn_rad_s):
    motion = BaseMotion(np.zeros(1), np.array([[0.0, turn_rad_s]]), PLACE)
    for time_s in (0.0, 0.1, 0.3):
        c, s = np.cos(turn_rad_s * time_s), np.sin(turn_rad_s * time_s)
        turned = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]) @ PLACE
        # Its way is a chord of an arc that is taken for straight: off by the square of the angle.
        off = 0.5 * (turn_rad_s * time_s) ** 2 + 1e-12
        moved = motion.until(np.array([time_s]))[0]
        np.testing.assert_allclose(PLACE + moved, turned, atol=off)


def test_commands_hold_until_the_next_and_nothing_moves_before_the_first():
    motion = BaseMotion(
        np.array([0.0, 0.1, 0.2]), np.array([[1.0, 0.0], [np.nan, 0.0], [2.0, 0.0]]), PLACE
    )
    moved = motion.until(np.array([-1.0, 0.0, 0.05, 0.1, 0.2, 0.7]))[:, 0]
    np.testing.assert_allclose(moved, [0.0, 0.0, -0.05, -0.1, -0.1, -1.1], atol=1e-12)
