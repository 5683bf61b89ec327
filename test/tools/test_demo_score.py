"""The demo's scoring of both networks on the same samples."""

import math

import numpy as np
import pytest
from made_up_run import (
    FROZEN_POSITION_M,
    HORIZON_S,
    OBJECT_EVERY_S,
    frozen_policy,
    made_up_run,
    object_position,
)

from liquid_adapt_ros.tools.demo.recording import Recording
from liquid_adapt_ros.tools.demo.score import applied_updates, score


def test_errors_are_distances_from_where_the_object_was_seen_later():
    errors = score(made_up_run(10.0, adapted_error_m=0.012), frozen_policy())
    np.testing.assert_allclose(errors.adapted_m, 0.012, rtol=1e-6)
    expected = [
        math.dist(object_position(time_s + HORIZON_S), FROZEN_POSITION_M)
        for time_s in errors.time_s
    ]
    np.testing.assert_allclose(errors.frozen_m, expected, atol=1e-6)
    assert errors.adapted_rmse_m == pytest.approx(0.012)
    assert errors.gain_percent == pytest.approx(
        100.0 * (1.0 - 0.012 / np.sqrt(np.mean(np.square(expected))))
    )


def test_no_prediction_is_scored_across_a_change_of_the_target():
    errors = score(made_up_run(10.0), frozen_policy())
    for change_s in (OBJECT_EVERY_S, 2 * OBJECT_EVERY_S):
        near = errors.between(change_s - HORIZON_S, change_s)
        assert len(near) == 0


def test_most_predictions_are_scored():
    errors = score(made_up_run(10.0), frozen_policy())
    assert len(errors) > 0.8 * 1000


def test_predictions_that_are_not_finite_are_left_out():
    recording = made_up_run(6.0)
    for index in range(100, 200):
        nowhere = (math.nan,) * 3
        recording.actions[index] = recording.actions[index]._replace(predicted_position=nowhere)
    errors = score(recording, frozen_policy())
    assert len(errors.between(1.011, 2.005)) == 0
    assert np.isfinite(errors.adapted_m).all()


def test_a_network_that_was_fed_nothing_scores_nothing():
    empty = score(Recording(), frozen_policy())
    assert len(empty) == 0
    assert math.isnan(empty.gain_percent)


def test_a_lost_observation_costs_only_its_own_sample():
    recording = made_up_run(6.0)
    whole = score(recording, frozen_policy())
    lost = recording.fused.pop(100).stamp_ns / 1e9
    errors = score(recording, frozen_policy())
    assert set(whole.time_s) - set(errors.time_s) == {lost}


def test_an_update_is_the_first_action_of_a_new_version():
    updates = applied_updates(made_up_run(3.0).actions)
    assert [version for _, version in updates] == [1, 2, 3, 4, 5, 6]
    assert updates[0][0] == pytest.approx(0.5)


def test_windows_include_their_start_and_exclude_their_end():
    errors = score(made_up_run(6.0), frozen_policy())
    part = errors.between(1.0, 2.0)
    assert part.time_s[0] == pytest.approx(1.0)
    assert part.time_s[-1] == pytest.approx(1.99)
    assert part.time_s.shape == part.adapted_m.shape == part.frozen_m.shape
