"""Who drives: the policy while it is near the planner, else the planner; and whose pick it is."""

import numpy as np

from liquid_adapt_ros.sim.config import SupervisorConfig
from liquid_adapt_ros.sim.planner import Phase, PlannerAction
from liquid_adapt_ros.sim.samples import Command, Counters

# Simulated times are sums of ticks; a takeover must not last a tick longer for a rounding error.
TIME_TOLERANCE_S = 1e-6


class Supervisor:
    """Lets the policy drive while it agrees with the planner."""

    def __init__(self, config: SupervisorConfig) -> None:
        self._config = config
        self._planner_until_s = -np.inf

    def driver(self, time_s: float, command: Command | None, planned: PlannerAction) -> str:
        """'policy' or 'planner' for the tick that starts at time_s.

        The policy drives while max |its joint velocity - the planner's| is within the bound and
        all its numbers are finite; otherwise the planner does, for takeover_s at least.
        """
        if command is None:
            return "planner"
        deviation = np.max(np.abs(command.joint_velocity - planned.joint_velocity))
        finite = np.all(np.isfinite(command.base_twist)) and np.isfinite(command.gripper)
        if not (finite and deviation <= self._config.deviation_max_rad_s):
            self._planner_until_s = time_s + self._config.takeover_s - TIME_TOLERANCE_S
            return "planner"
        return "planner" if time_s < self._planner_until_s else "policy"


class PickLedger:
    """Counts objects; a pick belongs to whoever drove more than half of the ticks since the
    approach to the object began, a tie to the planner."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._approached_id: int | None = None
        self._ticks = {"policy": 0, "planner": 0}
        self._owner: dict[int, str] = {}
        self._held_id: int | None = None

    def tick(self, driver: str, planned: PlannerAction, held_id: int | None) -> None:
        """Note who drove a tick, what the planner was after in it, and what is held after it."""
        begins = planned.phase is Phase.APPROACH and planned.object_id != self._approached_id
        if begins:
            self._approached_id = planned.object_id
            self._ticks = {"policy": 0, "planner": 0}
        self._ticks[driver] += 1
        if self._held_id is not None and held_id is None:
            by_policy = self._ticks["policy"] > self._ticks["planner"]
            self._owner[self._held_id] = "policy" if by_policy else "planner"
        self._held_id = held_id

    def settle(self, binned: list[int], lost: list[int]) -> None:
        """Count objects that came to lie in the bin, or were lost."""
        for object_id in binned:
            self.counters.picks[self._owner.pop(object_id, "planner")] += 1
        for object_id in lost:
            self._owner.pop(object_id, None)
            self.counters.misses += 1
