"""Joints are picked by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.fusion.joints import JointOrder

NAMES = ("pan", "lift", "elbow")


@given(st.permutations([*NAMES, "gripper", "left_wheel"]))
def test_any_order_and_extra_joints_give_the_same_values(names):
    values = {"pan": 0.1, "lift": 0.2, "elbow": 0.3, "gripper": np.nan, "left_wheel": 7.0}
    picked = JointOrder(NAMES).pick(names, [values[name] for name in names])
    np.testing.assert_array_equal(picked, (0.1, 0.2, 0.3))


def test_the_order_may_change_from_message_to_message():
    order = JointOrder(NAMES)
    np.testing.assert_array_equal(order.pick(["pan", "lift", "elbow"], [1, 2, 3]), (1, 2, 3))
    np.testing.assert_array_equal(order.pick(["elbow", "pan", "lift"], [3, 1, 2]), (1, 2, 3))


@pytest.mark.parametrize(
    ("names", "values", "reason"),
    [
        (["pan", "elbow"], [1.0, 2.0], "joint lift is missing"),
        ([], [], "joint pan is missing"),
        (["pan", "lift", "elbow"], [1.0, np.nan, 2.0], "joint lift is nan"),
        (["pan", "lift", "elbow"], [1.0, 2.0, -np.inf], "joint elbow is -inf"),
        (["pan", "lift", "elbow"], [1.0, 2.0], "2 values for 3 joints"),
        (["pan", "lift", "elbow", "lift"], [1.0, 2.0, 3.0, 4.0], "lift is named twice"),
    ],
)
def test_what_is_wrong_is_named_and_the_next_good_message_works(names, values, reason):
    order = JointOrder(NAMES)
    order.pick(list(NAMES), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=reason):
        order.pick(names, values)
    np.testing.assert_array_equal(order.pick(list(NAMES), [4.0, 5.0, 6.0]), (4.0, 5.0, 6.0))
