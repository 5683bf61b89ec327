"""The belt speed that predictions imply."""

import numpy as np
import pytest
from made_up_run import BELT_M_S, HORIZON_S, OBJECT_EVERY_S, made_up_run

from liquid_adapt_ros.tools.demo.belt_speed import WINDOW_S, belt_speed
from liquid_adapt_ros.tools.demo.recording import Recording


@pytest.mark.parametrize("base_speed_m_s", [0.0, 0.05])
def test_the_base_speed_is_added_to_the_slope(base_speed_m_s):
    belt = belt_speed(made_up_run(10.0, base_speed_m_s=base_speed_m_s))
    assert len(belt.predicted_m_s) > 50
    np.testing.assert_allclose(belt.predicted_m_s, BELT_M_S, atol=1e-6)
    np.testing.assert_allclose(belt.true_m_s, BELT_M_S)


def test_no_speed_is_taken_from_a_window_with_two_targets():
    belt = belt_speed(made_up_run(10.0))
    ends_s = belt.predicted_time_s - HORIZON_S
    for change_s in (OBJECT_EVERY_S, 2 * OBJECT_EVERY_S):
        assert not np.any((ends_s > change_s) & (ends_s < change_s + WINDOW_S))


def test_nothing_recorded_gives_nothing():
    belt = belt_speed(Recording())
    assert len(belt.time_s) == len(belt.predicted_m_s) == 0
