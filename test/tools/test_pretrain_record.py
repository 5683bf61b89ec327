"""Episodes are recorded as sensors give them, some of them while the robot is at work already."""

import dataclasses

import numpy as np
import pytest

from liquid_adapt_ros.sim.config import ArmConfig, EpisodeConfig, ObjectConfig
from liquid_adapt_ros.sim.episode import Episode
from liquid_adapt_ros.sim.scenario import Scenario
from liquid_adapt_ros.tools.in_process_fusion import MILLIMETRE
from liquid_adapt_ros.tools.pretrain.pictures import grid_cell, measured_position
from liquid_adapt_ros.tools.pretrain.record import record_driven_by, record_episode, record_world
from liquid_adapt_ros.tools.pretrain.settings import DataSettings

SETTINGS = DataSettings(episode_s=0.3, world_s=0.3, run_in_s=3.0)


def _off_start_rad(recording):
    """How far the arm's first joint positions are from those of switch-on."""
    first = recording.proprioception[0, 6:]
    return np.abs(first - ArmConfig().start_rad).max()


def test_what_is_run_in_has_begun_before_the_recording():
    for record in (record_episode, record_world):
        fresh, running = (
            record(dataclasses.replace(SETTINGS, fresh_share=share), np.random.default_rng(1))
            for share in (1.0, 0.0)
        )
        assert len(fresh.action) == len(running.action) == 30
        # In one tick, an encoder offset included, the arm gets no further than this.
        assert _off_start_rad(fresh) < 0.1 < _off_start_rad(running)


def test_pictures_of_a_run_in_episode_are_of_its_own_ticks():
    settings = dataclasses.replace(SETTINGS, fresh_share=0.0)
    recording = record_episode(settings, np.random.default_rng(2))
    assert recording.taken_tick.min() >= -1.0 and recording.taken_tick.max() <= 30.0
    assert (recording.arrived_tick >= recording.taken_tick).all()
    assert len(recording.rgb) >= 7


@pytest.mark.parametrize(
    "disturbance",
    [
        {},
        {"camera_rotation_rad": [0.08, -0.06, 0.1]},
        {"camera_translation_m": [0.1, 0.1, -0.1]},
        {"depth_scale": 1.3},
    ],
)
def test_a_picture_shows_an_object_where_its_label_says_the_camera_measures_it(disturbance):
    changes = [{"at_s": 0.0, "set": disturbance}] if disturbance else []
    scenario = Scenario.from_mapping({"name": "camera", "changes": changes})
    objects = ObjectConfig(size_m=(0.08, 0.08), first_x_m=(-0.3, -0.3), spacing_m=(2.0, 2.0))
    episode = Episode(EpisodeConfig(objects=objects), 3, scenario)
    recording = record_driven_by(lambda _: None, episode, 0.3)
    ticks = recording.taken_tick.clip(0).round().astype(int)
    position = recording.target[ticks]
    _, height, width = recording.depth_mm.shape
    cell = grid_cell(recording, position)
    column, row = np.rint((cell + 0.5) * (width / 32, height / 24) - 0.5).astype(int).T
    depth_m = recording.depth_mm[np.arange(len(ticks)), row, column] * MILLIMETRE
    measured = depth_m > 0.0  # a few pixels have no depth
    assert measured.sum() > len(ticks) / 2
    surface_m = (measured_position(recording, position)[:, 2] - depth_m)[measured]
    # The camera sees the object's surface, nearer than its centre by not more than its diagonal's
    # half; at the place that another pose would give lies the belt, 40 mm below the centre.
    assert ((surface_m > 0.01) & (surface_m < 0.07 * recording.depth_scale)).all()
