"""The physics that the shipped model was trained on, to the last bit."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from liquid_adapt_ros.sim import mjcf
from liquid_adapt_ros.sim.robot_description import ROBOT

TRAINED = Path(__file__).with_name("trained_world.xml")


def arrays(model: mujoco.MjModel) -> dict[str, np.ndarray]:
    found = {name: getattr(model, name) for name in dir(model) if not name.startswith("_")}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.dtype != object
    }


def test_the_world_made_of_the_description_is_the_one_trained_on():
    trained = mujoco.MjModel.from_xml_string(TRAINED.read_text())
    made = mujoco.MjModel.from_xml_string(mjcf.world_xml())
    assert made.names == trained.names
    expected, found = arrays(trained), arrays(made)
    assert len(expected) > 300
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_the_description_weighs_what_the_simulated_robot_weighs():
    model = mujoco.MjModel.from_xml_string(mjcf.world_xml())
    robot_mass = model.body("base_link").subtreemass[0] - model.body("payload").mass[0]
    links = [link.inertial for link in ROBOT.links.values() if link.inertial]
    assert sum(link.mass_kg for link in links) == pytest.approx(robot_mass)
