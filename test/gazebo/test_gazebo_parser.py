"""World and robot as Gazebo's own parser reads them, for each choice of the arguments."""

import itertools

import pytest
from expansions import BELTS, ROBOT_FILE, SIMULATORS, WORLD_FILE, expand
from sdf_parser import as_sdf, needs_parser, parser_complaints

from liquid_adapt_ros.sim.robot_description import ROBOT

pytestmark = needs_parser


def written(folder, text):
    file = folder / "expanded.xml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("simulator", "belt", "render_engine"),
    list(itertools.product(SIMULATORS, BELTS, ("ogre2", "ogre"))),
)
def test_the_world_is_valid(tmp_path, simulator, belt, render_engine):
    text = expand(WORLD_FILE, simulator=simulator, belt=belt, render_engine=render_engine)
    assert f"<render_engine>{render_engine}</render_engine>" in text
    assert parser_complaints(written(tmp_path, text)) == ""


@pytest.mark.parametrize("simulator", ("none", *SIMULATORS))
def test_the_robot_is_valid(tmp_path, simulator):
    text = expand(ROBOT_FILE, simulator=simulator, controllers="/c.yaml", namespace="cell")
    assert parser_complaints(written(tmp_path, text)) == ""


def test_a_broken_world_is_not(tmp_path):
    text = expand(WORLD_FILE).replace('name="object_1"', 'name="object_0"')
    assert "object_0" in parser_complaints(written(tmp_path, text))


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_the_converted_robot_keeps_its_joints_its_mass_and_its_sensors(tmp_path, simulator):
    text = expand(ROBOT_FILE, simulator=simulator, controllers="/c.yaml")
    model = as_sdf(written(tmp_path, text)).find("model")
    moving = {name for name, joint in ROBOT.joints.items() if joint.kind != "fixed"}
    assert {joint.get("name") for joint in model.findall("joint")} == moving
    masses = [float(mass.text) for mass in model.iterfind("link/inertial/mass")]
    whole = sum(link.inertial.mass_kg for link in ROBOT.links.values() if link.inertial)
    assert sum(masses) == pytest.approx(whole, abs=1e-3)
    sensors = {sensor.get("name"): sensor for sensor in model.iterfind("link/sensor")}
    assert set(sensors) == {"camera", "imu"}
    pose = [float(number) for number in sensors["camera"].findtext("pose").split()]
    mount = ROBOT.mounts["camera_link"].pose
    assert pose == pytest.approx((*mount.xyz, *mount.rpy), abs=1e-4)


def test_the_converted_casters_slide_and_the_wheels_grip(tmp_path):
    text = expand(ROBOT_FILE, simulator="harmonic", controllers="/c.yaml")
    model = as_sdf(written(tmp_path, text)).find("model")
    friction = {
        collision.get("name"): collision.findtext("surface/friction/ode/mu")
        for collision in model.iterfind("link/collision")
    }
    grip = {
        part: float(value)
        for name, value in friction.items()
        for part in ("left_wheel", "right_wheel", "rear_caster", "front_caster")
        if part in name
    }
    assert grip == {"left_wheel": 1, "right_wheel": 1, "rear_caster": 0, "front_caster": 0}
