"""THE TARGET: which object the robot is to pick next. One rule for planner, detector and training.

At instant t the target is the object furthest downstream (largest x in base_link) among those on
the belt whose centre has x in [-0.60, +0.30] m in base_link and is not held by the gripper. There
may be none. Its position is the object's centre in base_link at that same instant.

A prediction made at t with horizon h is the position of what is the target at t, at the instant
t + h, expressed in base_link of the instant t + h: what a detector will report then.
"""

from collections.abc import Iterable

from liquid_adapt_ros.sim.objects import ObjectState

ZONE_X_M = (-0.60, 0.30)


def select_target(objects: Iterable[ObjectState], held_id: int | None) -> ObjectState | None:
    """The target among objects (positions in base_link), or None."""
    candidates = [
        item
        for item in objects
        if item.on_belt
        and item.object_id != held_id
        and ZONE_X_M[0] <= item.position[0] <= ZONE_X_M[1]
    ]
    return max(candidates, key=lambda item: item.position[0], default=None)
