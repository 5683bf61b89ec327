"""Ground truth of Gazebo brought to one instant."""

import numpy as np
import pytest

from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.sim import mjcf
from liquid_adapt_ros.sim.gazebo_truth import (
    GazeboObject,
    GroundTruth,
    PoseHistory,
    load_objects,
    rotation_matrix,
)

UPRIGHT = np.array((0.0, 0.0, 0.0, 1.0))
ITEM = GazeboObject("item", np.array((0.03, 0.02, 0.025)))


def turned(yaw):
    return np.array((0.0, 0.0, np.sin(0.5 * yaw), np.cos(0.5 * yaw)))


def test_a_pose_between_two_samples_is_between_them():
    history = PoseHistory()
    history.add(1.00, np.array((0.0, 1.0, 2.0)), turned(0.0))
    history.add(1.02, np.array((0.1, 1.0, 2.0)), turned(0.2))
    position, rotation = history.at(1.005)
    np.testing.assert_allclose(position, (0.025, 1.0, 2.0))
    np.testing.assert_allclose(rotation, rotation_matrix(turned(0.05)), atol=1e-4)


def test_orientations_of_either_sign_are_the_same_orientation():
    history = PoseHistory()
    history.add(0.0, np.zeros(3), turned(0.3))
    history.add(1.0, np.zeros(3), -turned(0.3))
    np.testing.assert_allclose(history.at(0.5)[1], rotation_matrix(turned(0.3)))


def test_an_object_that_was_put_elsewhere_was_never_in_between():
    history = PoseHistory()
    history.add(0.00, np.array((0.0, -2.0, 0.0)), UPRIGHT)
    history.add(0.02, np.array((-1.0, 0.5, 0.4)), UPRIGHT)
    np.testing.assert_array_equal(history.at(0.01)[0], (-1.0, 0.5, 0.4))


def test_time_that_goes_back_starts_a_new_history():
    history = PoseHistory()
    history.add(10.0, np.ones(3), UPRIGHT)
    history.add(0.0, np.zeros(3), UPRIGHT)
    assert history.newest_s == 0.0
    np.testing.assert_array_equal(history.at(10.0)[0], np.zeros(3))


def test_without_a_sample_there_is_no_pose():
    assert PoseHistory().newest_s == -np.inf
    with pytest.raises(LookupError):
        PoseHistory().at(0.0)


def test_the_truth_is_complete_from_the_last_to_begin_up_to_the_slowest():
    truth = GroundTruth([ITEM])
    truth.robot.add(0.4, np.zeros(3), UPRIGHT)
    truth.robot.add(0.5, np.zeros(3), UPRIGHT)
    assert (truth.complete_from_s, truth.complete_until_s) == (np.inf, -np.inf)
    truth.histories["item"].add(0.45, np.zeros(3), UPRIGHT)
    truth.histories["item"].add(0.47, np.zeros(3), UPRIGHT)
    assert (truth.complete_from_s, truth.complete_until_s) == (0.45, 0.47)


def test_objects_are_seen_from_where_the_robot_stands_and_looks():
    truth = GroundTruth([ITEM])
    truth.robot.add(0.0, np.array((1.0, 0.0, 0.0)), turned(np.pi / 2))
    truth.histories["item"].add(0.0, np.array((1.0, 0.55, 0.425)), UPRIGHT)
    (state,) = truth.states(0.0)
    np.testing.assert_allclose(state.position, (0.55, 0.0, 0.425), atol=1e-12)
    assert state.half_height_m == 0.025
    assert state.on_belt


@pytest.mark.parametrize(
    ("centre", "on_belt"),
    [
        ((0.0, mjcf.BELT_Y_M, mjcf.BELT_TOP_Z_M + 0.025), True),
        ((0.0, mjcf.BELT_Y_M, mjcf.BELT_TOP_Z_M + 0.10), False),  # lifted
        ((0.0, -2.0, 0.025), False),  # waiting on the floor
        ((1.5, mjcf.BELT_Y_M, mjcf.BELT_TOP_Z_M + 0.025), False),  # past the end
    ],
)
def test_only_what_rests_on_the_belt_is_on_it(centre, on_belt):
    truth = GroundTruth([ITEM])
    truth.robot.add(0.0, np.zeros(3), UPRIGHT)
    truth.histories["item"].add(0.0, np.array(centre), UPRIGHT)
    assert truth.states(0.0)[0].on_belt is on_belt


def test_the_objects_of_the_world_are_read_with_their_half_sizes():
    objects = load_objects(share_folder() / "worlds" / "objects.yaml")
    assert len(objects) == mjcf.OBJECT_COUNT
    assert objects[0].name == "object_0"
    assert objects[0].half_height_m == pytest.approx(0.0295)
    assert objects[0].half_width_m == pytest.approx(0.031)
