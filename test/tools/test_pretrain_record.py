"""Episodes are recorded as sensors give them, some of them while the robot is at work already."""

import dataclasses

import numpy as np

from liquid_adapt_ros.sim.config import ArmConfig
from liquid_adapt_ros.tools.pretrain.record import record_episode, record_world
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
