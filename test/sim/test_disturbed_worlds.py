"""The worlds that features are made adaptable for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.disturbed_worlds import (
    BELT_SPEED_M_S,
    OTHER_BELT_SHARE,
    sample_disturbed,
)
from liquid_adapt_ros.sim.episode import Episode


@given(seed=st.integers(0, 2**32 - 1))
def test_every_world_can_be_built_and_is_disturbed_from_its_start(seed):
    config, scenario = sample_disturbed(np.random.default_rng(seed))
    assert scenario.disturbances_at(0.0) != Disturbances()
    assert scenario.disturbances_at(1e3) == scenario.disturbances_at(0.0)
    assert scenario.episode_config(config) == config


def test_a_world_runs():
    config, scenario = sample_disturbed(np.random.default_rng(0))
    episode = Episode(config, 0, scenario)
    assert episode.tick().time_s > 0.0


def test_kinds_and_numbers_of_disturbances_vary():
    rng = np.random.default_rng(0)
    draws = [sample_disturbed(rng)[1] for _ in range(300)]
    kinds = [scenario.name.split("+") for scenario in draws]
    assert {len(names) for names in kinds} == {1, 2, 3}
    assert len({name for names in kinds for name in names}) == 7
    belts = [scenario.disturbances_at(0.0).belt_speed_scale for scenario in draws]
    # A share of 300 draws, within four standard deviations.
    share = np.mean(np.array(belts) != 1.0)
    assert abs(share - OTHER_BELT_SHARE) < 4.0 * np.sqrt(0.25 / 300)


def test_other_belts_are_as_often_slow_as_fast():
    rng = np.random.default_rng(1)
    highest = []
    for config, scenario in (sample_disturbed(rng) for _ in range(300)):
        belt, scale = config.belt, scenario.disturbances_at(0.0).belt_speed_scale
        if scale != 1.0:
            other = 0.0 if belt.profile == "constant" else belt.other_speed_m_s
            highest.append(scale * max(belt.speed_m_s, other))
    assert max(highest) <= BELT_SPEED_M_S[1] + 1e-9
    # Even about the middle of the range, within four standard deviations.
    middle = np.mean(BELT_SPEED_M_S)
    assert abs(np.mean(np.array(highest) > middle) - 0.5) < 4.0 * np.sqrt(0.25 / len(highest))
