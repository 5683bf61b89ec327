"""Disturbances and scenarios: what is read, and what is refused with which words."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.sim.config import ConfigError, EpisodeConfig
from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.scenario import Scenario

FOLDER = Path(__file__).parents[2] / "config" / "scenarios"
FIELDS = dataclasses.fields(Disturbances)


def scenario(*changes: object, **others: object) -> Scenario:
    return Scenario.from_mapping({"name": "test", "changes": list(changes), **others})


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_shipped_scenario_loads_and_changes_something(path):
    loaded = Scenario.load(path)
    assert loaded.name == path.stem
    assert loaded.description
    assert loaded.disturbances_at(0.0) == Disturbances()
    assert (loaded.disturbances_at(1000.0) == Disturbances()) == (loaded.name == "nominal")


def test_each_disturbance_has_a_shipped_scenario():
    shipped = [Scenario.load(path).disturbances_at(1000.0) for path in FOLDER.glob("*.yaml")]
    for item in FIELDS:
        assert any(getattr(d, item.name) != item.default for d in shipped), item.name


def test_the_demo_is_nominal_for_20_s_then_fast_and_bumped():
    demo = Scenario.load(FOLDER / "demo.yaml")
    assert demo.first_change_s == 20.0
    assert demo.disturbances_at(19.99) == Disturbances()
    after = demo.disturbances_at(20.0)
    assert after.belt_speed_scale == 1.6
    assert np.degrees(np.linalg.norm(after.camera_rotation_rad)) == pytest.approx(3.0, abs=0.1)
    assert np.linalg.norm(after.camera_translation_m) == pytest.approx(0.02, abs=0.001)
    assert demo.disturbances_at(80.0) == after


def test_what_was_set_stays_until_it_is_set_again():
    loaded = scenario(
        {"at_s": 1.0, "set": {"depth_scale": 1.1}},
        {"at_s": 2.0, "set": {"payload_mass_kg": 1}},
        {"at_s": 3.0, "set": {"depth_scale": 1.0}},
    )
    values = [loaded.disturbances_at(t) for t in (0.5, 1.0, 2.5, 3.0)]
    assert [value.depth_scale for value in values] == [1.0, 1.1, 1.1, 1.0]
    assert [value.payload_mass_kg for value in values] == [0.0, 0.0, 1.0, 1.0]


def test_nominal_overrides_change_the_episode_and_nothing_else():
    loaded = scenario(nominal={"belt": {"speed_m_s": 0.2}})
    config = loaded.episode_config(EpisodeConfig())
    assert config.belt.speed_m_s == 0.2
    assert config.objects == EpisodeConfig().objects


@given(st.sampled_from(FIELDS), st.sampled_from([math.nan, math.inf, -math.inf, 1e9]))
def test_a_value_outside_its_bound_is_named_with_the_bound(item, value):
    values = value if not isinstance(item.default, tuple) else (value,) * len(item.default)
    with pytest.raises(ConfigError) as error:
        Disturbances(**{item.name: values})
    assert item.name in str(error.value)
    assert str(value) in str(error.value)
    assert f"{item.metadata['high']:g}" in str(error.value)


@pytest.mark.parametrize("item", FIELDS, ids=lambda item: item.name)
def test_each_bound_is_allowed_and_described(item):
    assert item.metadata["description"]
    for bound in (item.metadata["low"], item.metadata["high"]):
        size = len(item.default) if isinstance(item.default, tuple) else None
        value = bound if size is None else [bound] * size
        disturbances = Disturbances().replaced({item.name: value})
        assert isinstance(getattr(disturbances, item.name), type(item.default))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"belt_sped_scale": 1.6}, "did you mean 'belt_speed_scale'"),
        ({"qqq": 1.6}, "known are"),
        ({"light_tint": [1.0, 1.0]}, "3 elements"),
        ({"light_tint": 1.0}, "list of 3 numbers"),
        ({"depth_scale": "1e-3"}, "text in YAML"),
        ({"depth_scale": True}, "must be a number"),
        ({"depth_scale": None}, "must be a number"),
        ({"joint_encoder_offset_rad": [0.0] * 5}, "6 elements"),
    ],
)
def test_a_wrong_disturbance_is_refused_in_plain_words(values, words):
    with pytest.raises(ConfigError, match=words):
        Disturbances().replaced(values)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "must be a mapping"),
        ({}, "must have a name"),
        ({"name": "x", "chnges": []}, "did you mean 'changes'"),
        ({"name": "x", "changes": {"at_s": 1.0}}, "must be a list"),
        ({"name": "x", "changes": [{"at": 1.0, "set": {}}]}, r"changes\[0\].*did you mean 'at_s'"),
        ({"name": "x", "changes": [{"set": {}}]}, r"changes\[0\].at_s"),
        ({"name": "x", "changes": [{"at_s": -1.0, "set": {}}]}, r"changes\[0\].at_s = -1.0"),
        ({"name": "x", "changes": [{"at_s": 1.0}]}, "set = None"),
        ({"name": "x", "nominal": {"belt": {"speed": 1.0}}}, "belt.speed"),
        ({"name": "x", "nominal": {"belt": {"speed_m_s": 9.0}}}, "belt.speed_m_s"),
        ({"name": "x", "nominal": {"belt": 3}}, "nominal.belt"),
    ],
)
def test_a_wrong_scenario_is_refused_in_plain_words(content, words):
    with pytest.raises(ConfigError, match=words):
        Scenario.from_mapping(content)


def test_changes_out_of_order_are_refused():
    with pytest.raises(ConfigError, match=r"changes\[1\].at_s = 2.0: must be after 2.0"):
        scenario(
            {"at_s": 2.0, "set": {"depth_scale": 1.1}}, {"at_s": 2.0, "set": {"depth_scale": 1.2}}
        )


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        Scenario.load(tmp_path / "missing.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        Scenario.load(broken)
