"""Configurations that cannot be are refused with the field, its value and the bound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.sim.config import ConfigError, EpisodeConfig
from liquid_adapt_ros.sim.randomisation import sample_nominal


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"belt": {"speed_m_s": 0.9}}, r"belt\.speed_m_s = 0\.9: must lie in \[0\.05, 0\.5\]"),
        ({"belt": {"speed_m_s": float("nan")}}, r"belt\.speed_m_s = nan"),
        ({"belt": {"speed_m_s": "fast"}}, r"belt\.speed_m_s = 'fast': must be numeric"),
        ({"belt": {"profile": "zigzag"}}, r"belt\.profile = 'zigzag'"),
        (
            {"belt": {"profile": "sine", "other_speed_m_s": 0.5, "period_s": 1.0}},
            r"belt\.period_s = 1\.0: must lie in \[5\.4",
        ),
        ({"objects": {"mass_kg": [1.0, 0.5]}}, r"objects\.mass_kg = \(1\.0, 0\.5\)"),
        ({"objects": {"mass_kg": 1.0}}, r"objects\.mass_kg = 1\.0: must be a list of 2"),
        ({"objects": {"shapes": ["cone"]}}, r"objects\.shapes = \('cone',\)"),
        ({"light": {"tint": [1.0, 1.0]}}, r"light\.tint = \(1\.0, 1\.0\): must have 3"),
        ({"light": {"direction": [0, 0, 0]}}, r"light\.direction"),
        ({"camera": {"rate_hz": 0}}, r"camera\.rate_hz = 0"),
        ({"belts": {}}, r"belts: no such part"),
        ({"belt": {"sped": 1}}, r"belt\.sped: no such field"),
    ],
)
def test_bad_value_is_named_with_its_bound(overrides, said):
    with pytest.raises(ConfigError, match=said):
        EpisodeConfig().with_overrides(overrides)


def test_overrides_leave_the_rest_alone():
    config = EpisodeConfig().with_overrides({"belt": {"speed_m_s": 0.3}})
    assert config.belt.speed_m_s == 0.3
    assert config.camera == EpisodeConfig().camera


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_nominal_draws_stay_in_the_nominal_ranges(seed):
    config = sample_nominal(np.random.default_rng(seed))
    assert 0.7 <= config.light.intensity <= 1.3
    assert all(0.9 <= part <= 1.1 for part in config.light.tint)
    assert np.max(np.abs(config.camera.mount_translation_m)) <= 0.003
    assert np.rad2deg(np.max(np.abs(config.camera.mount_rotation_rad))) <= 0.3 + 1e-12
    assert config == sample_nominal(np.random.default_rng(seed))
