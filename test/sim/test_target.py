"""The one rule that says which object is the target."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.sim.objects import ObjectState
from liquid_adapt_ros.sim.target import ZONE_X_M, select_target


def _object(object_id, x, on_belt=True):
    return ObjectState(object_id, np.array((x, 0.55, 0.43)), 0.03, on_belt)


def test_furthest_downstream_in_the_zone_is_the_target():
    objects = [_object(0, -0.5), _object(1, 0.2), _object(2, -0.1), _object(3, 0.31)]
    assert select_target(objects, None).object_id == 1


def test_held_object_is_not_the_target():
    assert select_target([_object(0, -0.5), _object(1, 0.2)], 1).object_id == 0


def test_object_off_the_belt_is_not_the_target():
    assert select_target([_object(0, -0.5), _object(1, 0.2, on_belt=False)], None).object_id == 0


def test_zone_includes_its_ends_and_nothing_beyond():
    assert select_target([_object(0, ZONE_X_M[0])], None).object_id == 0
    assert select_target([_object(0, ZONE_X_M[1])], None).object_id == 0
    assert select_target([_object(0, -0.601), _object(1, 0.301)], None) is None


@given(st.lists(st.floats(-1.5, 1.5), max_size=8), st.integers(0, 8))
def test_no_candidate_lies_further_downstream_than_the_target(positions, held_id):
    objects = [_object(index, x) for index, x in enumerate(positions)]
    target = select_target(objects, held_id)
    candidates = [x for i, x in enumerate(positions) if i != held_id and -0.6 <= x <= 0.3]
    assert (target is None) == (not candidates)
    assert target is None or target.position[0] == max(candidates)
