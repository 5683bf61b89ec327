"""Who drives, and whose pick it is."""

import numpy as np
import pytest

from liquid_adapt_ros.sim.config import SupervisorConfig
from liquid_adapt_ros.sim.planner import Phase, PlannerAction
from liquid_adapt_ros.sim.samples import Command
from liquid_adapt_ros.sim.supervisor import PickLedger, Supervisor

TICK_S = 0.01


def _planned(phase=Phase.APPROACH, object_id=None):
    return PlannerAction(np.zeros(6), np.zeros(2), 0.0, phase, object_id)


def _command(deviation=0.0, gripper=0.0):
    return Command(np.array((0.0, 0.0, deviation, 0.0, 0.0, 0.0)), np.zeros(2), gripper)


def test_planner_drives_without_a_command():
    assert Supervisor(SupervisorConfig()).driver(0.0, None, _planned()) == "planner"


def test_policy_drives_up_to_the_bound_and_not_beyond():
    assert Supervisor(SupervisorConfig()).driver(0.0, _command(0.35), _planned()) == "policy"
    assert Supervisor(SupervisorConfig()).driver(0.0, _command(-0.36), _planned()) == "planner"


def test_takeover_lasts_for_its_time_after_the_last_deviation():
    supervisor = Supervisor(SupervisorConfig())
    drivers = [
        supervisor.driver(tick * TICK_S, _command(1.0 if tick in (5, 10) else 0.0), _planned())
        for tick in range(50)
    ]
    assert drivers == ["policy"] * 5 + ["planner"] * 35 + ["policy"] * 10


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_command_that_is_not_finite_never_drives(bad):
    supervisor = Supervisor(SupervisorConfig())
    assert supervisor.driver(0.0, _command(bad), _planned()) == "planner"
    assert supervisor.driver(1.0, _command(gripper=bad), _planned()) == "planner"
    command = Command(np.zeros(6), np.array((bad, 0.0)), 0.0)
    assert supervisor.driver(2.0, command, _planned()) == "planner"


def test_command_of_the_wrong_shape_is_refused_by_name():
    with pytest.raises(ValueError, match=r"command\.joint_velocity has shape \(7,\)"):
        Command(np.zeros(7), np.zeros(2), 0.0)


def _pick(ledger, object_id, policy_ticks, planner_ticks):
    for driver, ticks in (("policy", policy_ticks), ("planner", planner_ticks)):
        for _ in range(ticks):
            ledger.tick(driver, _planned(Phase.APPROACH, object_id), None)
    ledger.tick("planner", _planned(Phase.LIFT, object_id), object_id)
    ledger.tick("planner", _planned(Phase.RELEASE, object_id), None)


def test_pick_belongs_to_who_drove_more_than_half_of_it():
    ledger = PickLedger()
    _pick(ledger, 1, policy_ticks=10, planner_ticks=5)
    _pick(ledger, 2, policy_ticks=7, planner_ticks=5)
    ledger.settle([1, 2], [])
    assert ledger.counters.picks == {"policy": 1, "planner": 1}


def test_ticks_before_the_approach_do_not_count():
    ledger = PickLedger()
    for _ in range(100):
        ledger.tick("planner", _planned(Phase.WAIT), None)
    _pick(ledger, 1, policy_ticks=10, planner_ticks=0)
    ledger.settle([1], [])
    assert ledger.counters.picks["policy"] == 1


def test_lost_objects_are_misses_and_all_are_counted():
    ledger = PickLedger()
    _pick(ledger, 1, policy_ticks=0, planner_ticks=5)
    ledger.settle([1], [2, 3])
    assert ledger.counters.misses == 2
    assert ledger.counters.objects == 3
