"""What the cell does around Gazebo's physics; the stand-in for it moves objects straight on."""

import numpy as np
import pytest

from liquid_adapt_ros.sim import mjcf, robot
from liquid_adapt_ros.sim.config import ArmConfig, BeltConfig, DetectorConfig, ObjectConfig
from liquid_adapt_ros.sim.gazebo_cell import (
    FEEDING_S,
    RELEASE_PERIOD_S,
    TICK_S,
    GazeboCell,
    SuctionCup,
    lip_position,
)
from liquid_adapt_ros.sim.gazebo_truth import GazeboObject, GroundTruth
from liquid_adapt_ros.sim.objects import ENTRY_X_M

UPRIGHT = np.array((0.0, 0.0, 0.0, 1.0))
WAITING = np.array(ArmConfig().start_rad)
NAMES = ("object_0", "object_1", "object_2")
HALF = np.array((0.03, 0.03, 0.025))
ON_BELT_Z_M = mjcf.BELT_TOP_Z_M + HALF[2]
EXACT = DetectorConfig(sigma_m=0.0)


class FakeGazebo:
    """Objects that go with the belt, and are put where the cell asks for."""

    def __init__(self, belt=BeltConfig(), detector=EXACT, seed=0):  # noqa: B008 (frozen)
        self.truth = GroundTruth([GazeboObject(name, HALF) for name in NAMES])
        self.cell = GazeboCell(self.truth, belt, ObjectConfig(), detector, seed)
        self.position = {
            name: np.array((0.3 * index, -2.0, HALF[2])) for index, name in enumerate(NAMES)
        }
        self.time_s = 0.0
        self.speed_m_s = 0.0

    def tick(self, suction_on=False):
        self.time_s += TICK_S
        self.truth.robot.add(self.time_s, np.zeros(3), UPRIGHT)
        for name, position in self.position.items():
            if position[2] > 0.3:
                position[0] += self.speed_m_s * TICK_S
            self.truth.histories[name].add(self.time_s, position.copy(), UPRIGHT)
        result = self.cell.tick(self.time_s, WAITING, suction_on)
        self.speed_m_s = result.belt_speed_m_s
        if result.placement:
            self.position[result.placement.name] = result.placement.position.copy()
        return result

    def run(self, duration_s):
        return [self.tick() for _ in range(round(duration_s / TICK_S))]


def test_the_belt_starts_from_rest_and_reaches_the_speed_of_its_profile():
    results = FakeGazebo(belt=BeltConfig(speed_m_s=0.2)).run(1.0)
    speeds = [result.belt_speed_m_s for result in results]
    assert speeds[0] == pytest.approx(0.005)
    assert speeds == sorted(speeds)
    assert speeds[-1] == pytest.approx(0.2)


def test_the_disturbance_scales_the_belts_speed():
    gazebo = FakeGazebo(belt=BeltConfig(speed_m_s=0.2))
    gazebo.cell.belt_speed_scale = 1.6
    assert gazebo.run(2.0)[-1].belt_speed_m_s == pytest.approx(0.32)


def test_objects_enter_on_the_belt_at_the_spacing_of_the_configuration():
    config = ObjectConfig()
    gazebo = FakeGazebo()
    entered_at_m, travel_m = [], 0.0
    for result in gazebo.run(15.0):
        travel_m += result.belt_speed_m_s * TICK_S
        if result.placement:
            entered_at_m.append(travel_m)
            x, y, z = result.placement.position
            assert x == ENTRY_X_M
            assert abs(y - mjcf.BELT_Y_M) <= max(config.lateral_offset_m)
            assert 0.0 < z - ON_BELT_Z_M < 0.01
    spacing = np.diff(entered_at_m)
    assert len(spacing) >= 2
    assert spacing.min() >= config.spacing_m[0] - 0.01
    assert spacing.max() <= config.spacing_m[1] + 0.01


def test_an_object_on_the_belt_is_not_fed_again_and_one_that_left_it_is():
    gazebo = FakeGazebo(belt=BeltConfig(speed_m_s=0.5))
    fed = []
    for _ in range(6000):
        result = gazebo.tick()
        if result.placement:
            name = result.placement.name
            assert gazebo.time_s - dict(fed).get(name, -100.0) > FEEDING_S
            fed.append((name, gazebo.time_s))
        for position in gazebo.position.values():
            if position[0] > mjcf.BELT_X_M[1]:
                position[2] = HALF[2]  # it falls onto the floor
    assert {name for name, _ in fed} == set(NAMES)
    assert len(fed) > 2 * len(NAMES)


def test_the_target_is_observed_at_the_detectors_rate_and_late_by_its_latency():
    gazebo = FakeGazebo(detector=DetectorConfig(rate_hz=20.0, latency_s=0.05, sigma_m=0.0))
    gazebo.position["object_1"] = np.array((-0.5, mjcf.BELT_Y_M, ON_BELT_Z_M))
    seen = {}
    for _ in range(100):
        result = gazebo.tick()
        if result.detection:
            seen[gazebo.time_s] = result.detection
    stamps = [detection.stamp_s for detection in seen.values()]
    assert np.diff(stamps)[1:] == pytest.approx(0.05)  # the very first tick is no multiple
    for time_s, detection in seen.items():
        assert time_s - detection.stamp_s == pytest.approx(0.05)
    newest = list(seen.values())[-1]
    late_by_m = gazebo.speed_m_s * (gazebo.time_s - newest.stamp_s)
    expected = gazebo.position["object_1"] - (late_by_m, 0.0, 0.0)
    np.testing.assert_allclose(newest.position, expected, atol=0.002)


def test_the_noise_of_an_observation_is_the_detectors():
    gazebo = FakeGazebo(
        belt=BeltConfig(speed_m_s=0.05), detector=DetectorConfig(rate_hz=100.0, sigma_m=0.01)
    )
    gazebo.position["object_1"] = np.array((-0.5, mjcf.BELT_Y_M, ON_BELT_Z_M))
    heights = [r.detection.position[2] for r in gazebo.run(5.0) if r.detection]
    assert np.mean(heights) == pytest.approx(ON_BELT_Z_M, abs=0.002)
    assert np.std(heights) == pytest.approx(0.01, rel=0.2)


def test_the_object_furthest_downstream_in_the_zone_is_the_target():
    gazebo = FakeGazebo()
    for name, x in zip(NAMES, (-0.4, 0.1, 0.5), strict=True):
        gazebo.position[name] = np.array((x, mjcf.BELT_Y_M, ON_BELT_Z_M))
    detections = [r.detection for r in gazebo.run(0.3) if r.detection]
    assert {detection.object_id for detection in detections} == {1}


def test_all_joints_are_released_first_even_under_suction_and_then_from_time_to_time():
    gazebo = FakeGazebo()
    assert gazebo.tick(suction_on=True).detach == NAMES
    assert gazebo.tick(suction_on=True).detach == ()
    released = [result.detach for result in gazebo.run(3.5 * RELEASE_PERIOD_S) if result.detach]
    assert released == [NAMES] * 3


def test_suction_takes_hold_of_what_the_lip_touches_once_and_lets_it_go():
    gazebo = FakeGazebo()
    lip = lip_position(WAITING)
    gazebo.position["object_2"] = lip - (0.01, 0.0, HALF[2] + 0.002)
    gazebo.tick()
    assert gazebo.tick(suction_on=True).attach == "object_2"
    assert gazebo.tick(suction_on=True).attach is None
    assert gazebo.tick(suction_on=False).detach == NAMES


@pytest.mark.parametrize("offset", [(0.028, 0.0, 0.0), (0.0, 0.0, 0.02)])
def test_suction_takes_nothing_that_the_lip_does_not_seal(offset):
    gazebo = FakeGazebo()
    gazebo.position["object_2"] = lip_position(WAITING) - (0.0, 0.0, HALF[2]) - offset
    gazebo.tick()
    assert gazebo.tick(suction_on=True).attach is None


def test_what_the_cup_holds_is_not_the_target():
    truth = GroundTruth([GazeboObject(NAMES[0], HALF)])
    truth.robot.add(0.0, np.zeros(3), UPRIGHT)
    truth.histories[NAMES[0]].add(0.0, np.array((0.0, mjcf.BELT_Y_M, ON_BELT_Z_M)), UPRIGHT)
    cup = SuctionCup(truth)
    lip = np.array((0.0, mjcf.BELT_Y_M, ON_BELT_Z_M + HALF[2]))
    cup.tick(0.0, False, lip, truth.states(0.0))
    cup.tick(0.01, True, lip, truth.states(0.0))
    assert cup.held_id == 0
    gazebo = FakeGazebo()
    gazebo.position["object_2"] = lip_position(WAITING) - (0.0, 0.0, HALF[2])
    gazebo.tick()
    gazebo.tick(suction_on=True)
    held = [gazebo.tick(suction_on=True) for _ in range(400)]
    assert not any(result.placement and result.placement.name == "object_2" for result in held)


def test_the_lip_is_above_the_belt_where_the_arm_waits():
    x, y, z = lip_position(WAITING)
    assert mjcf.BELT_X_M[0] < x < mjcf.BELT_X_M[1]
    assert abs(y - mjcf.BELT_Y_M) < 0.5 * mjcf.BELT_WIDTH_M
    assert mjcf.BELT_TOP_Z_M < z < mjcf.BELT_TOP_Z_M + robot.ARM_BASE_M[2]


def test_one_seed_gives_one_course_of_events():
    first, again, other = (FakeGazebo(seed=seed).run(5.0) for seed in (1, 1, 2))

    def placements(results):
        return [tuple(r.placement.position) for r in results if r.placement]

    assert placements(first) == placements(again) != placements(other)
