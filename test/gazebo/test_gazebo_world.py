"""Gazebo's world beside the built-in simulator's: sizes, objects, and the names of the systems."""

import itertools

import numpy as np
import pytest
import yaml
from expansions import BELTS, SIMULATORS, WORLD_FILE, robot_element, world_element

from liquid_adapt_ros.sim import mjcf
from liquid_adapt_ros.sim.config import OBJECT_SHAPES, LightConfig, ObjectConfig
from liquid_adapt_ros.sim.objects import HEIGHT_SHARE

OBJECTS = yaml.safe_load((WORLD_FILE.parent / "objects.yaml").read_text())["objects"]
PREFIXES = {
    "harmonic": ("gz-sim-", "gz::sim::systems::"),
    "fortress": ("ignition-gazebo-", "ignition::gazebo::systems::"),
}
ROS2_CONTROL = {"harmonic": "gz_ros2_control", "fortress": "ign_ros2_control"}


def numbers(element, path):
    return [float(number) for number in element.findtext(path).split()]


def model(world, name):
    (found,) = (item for item in world.findall("model") if item.get("name") == name)
    return found


@pytest.mark.parametrize("belt", BELTS)
def test_the_belt_is_where_the_built_in_simulator_has_it(belt):
    conveyor = model(world_element("harmonic", belt), "conveyor")
    x, y, z = numbers(conveyor, "pose")[:3]
    length, width, thickness = numbers(conveyor, "link/collision/geometry/box/size")
    limit = conveyor.findtext("joint/axis/limit/upper")
    travel = float(limit) if limit else 0.0
    # The prismatic slab reaches back by its travel, so that it covers the belt from first to last.
    assert (x - length / 2 + travel, x + length / 2) == pytest.approx(mjcf.BELT_X_M)
    assert (y, width) == pytest.approx((mjcf.BELT_Y_M, mjcf.BELT_WIDTH_M))
    assert z + thickness / 2 == pytest.approx(mjcf.BELT_TOP_Z_M)


@pytest.mark.parametrize("belt", BELTS)
def test_both_belts_take_their_speed_from_one_topic(belt):
    conveyor = model(world_element("harmonic", belt), "conveyor")
    (plugin,) = conveyor.findall("plugin")
    tag = {"track": "velocity_topic", "prismatic": "topic"}[belt]
    assert plugin.findtext(tag) == "/conveyor/belt_speed"
    driven = {"track": ("link", "link"), "prismatic": ("joint_name", "joint")}[belt]
    assert plugin.findtext(driven[0]) == conveyor.find(driven[1]).get("name")


def test_the_prismatic_belt_has_the_effort_limit_that_keeps_it_within_its_travel():
    limit = model(world_element("fortress", "prismatic"), "conveyor").find("joint/axis/limit")
    assert {item.tag: float(item.text) for item in limit} == {
        "lower": 0.0,
        "upper": 30.0,
        "effort": 1e6,
    }


def test_the_light_comes_from_where_it_does_in_the_built_in_simulator():
    world = world_element("harmonic", "track")
    towards = -np.array(numbers(world, "light/direction"))
    assert towards == pytest.approx(LightConfig().direction)


def test_rates_are_whole_numbers_of_physics_steps():
    step_s = float(world_element("harmonic", "track").findtext("physics/max_step_size"))
    for rate_hz in (200.0, 100.0, 50.0):
        assert (1.0 / rate_hz / step_s) % 1.0 == pytest.approx(0.0, abs=1e-9)


def test_there_are_as_many_objects_as_in_the_built_in_simulator():
    assert [row["name"] for row in OBJECTS] == [f"object_{i}" for i in range(mjcf.OBJECT_COUNT)]
    assert {row["shape"] for row in OBJECTS} == set(OBJECT_SHAPES)


@pytest.mark.parametrize("row", OBJECTS, ids=lambda row: row["name"])
def test_an_object_is_one_that_the_built_in_simulator_could_draw(row):
    config = ObjectConfig()
    length, width, height = row["size_m"]
    for edge in (length, width):
        assert config.size_m[0] <= edge <= config.size_m[1]
    assert height <= HEIGHT_SHARE[row["shape"]] * min(length, width) + 1e-9
    assert config.mass_kg[0] <= row["mass_kg"] <= config.mass_kg[1]
    assert row["shape"] != "cylinder" or length == width


@pytest.mark.parametrize("row", OBJECTS, ids=lambda row: row["name"])
def test_an_object_of_the_world_has_the_mass_size_and_inertia_of_its_row(row):
    item = model(world_element("fortress", "track"), row["name"])
    assert float(item.findtext("link/inertial/mass")) == row["mass_kg"]
    assert numbers(item, "link/collision/geometry/box/size") == row["size_m"]
    inertia = [float(item.findtext(f"link/inertial/inertia/{n}")) for n in ("ixx", "iyy", "izz")]
    half = 0.5 * np.array(row["size_m"])
    assert inertia == pytest.approx(row["mass_kg"] * solid_inertia(row["shape"], half))
    geometry = item.find("link/visual/geometry")
    seen = {
        "box": lambda: numbers(geometry, "box/size"),
        "cylinder": lambda: [
            2 * float(geometry.findtext("cylinder/radius")),
            2 * float(geometry.findtext("cylinder/radius")),
            float(geometry.findtext("cylinder/length")),
        ],
        "ellipsoid": lambda: [2 * radius for radius in numbers(geometry, "ellipsoid/radii")],
    }[row["shape"]]()
    assert seen == pytest.approx(row["size_m"])


def solid_inertia(shape, half):
    """Of a uniform solid of mass 1, from its textbook formula."""
    a, b, c = half
    if shape == "box":
        return np.array((b * b + c * c, a * a + c * c, a * a + b * b)) / 3.0
    if shape == "ellipsoid":
        return np.array((b * b + c * c, a * a + c * c, a * a + b * b)) / 5.0
    across = (3 * a * a + 4 * c * c) / 12.0
    return np.array((across, across, a * a / 2.0))


@pytest.mark.parametrize(("simulator", "belt"), list(itertools.product(SIMULATORS, BELTS)))
def test_systems_have_the_names_of_the_gazebo_that_runs(simulator, belt):
    file_prefix, class_prefix = PREFIXES[simulator]
    plugins = [
        *world_element(simulator, belt).iter("plugin"),
        *robot_element(simulator).iterfind("gazebo/plugin"),
    ]
    others = [plugin for plugin in plugins if "ros2_control" in plugin.get("filename")]
    assert [plugin.get("filename") for plugin in others] == [f"{ROS2_CONTROL[simulator]}-system"]
    for plugin in set(plugins) - set(others):
        assert plugin.get("filename").startswith(file_prefix)
        assert plugin.get("name").startswith(class_prefix)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_each_object_can_be_held_by_the_wrist(simulator):
    plugins = robot_element(simulator).iterfind("gazebo/plugin")
    joints = [plugin for plugin in plugins if plugin.get("name").endswith("::DetachableJoint")]
    assert [joint.findtext("child_model") for joint in joints] == [row["name"] for row in OBJECTS]
    assert {joint.findtext("parent_link") for joint in joints} == {"wrist_3_link"}
    world = world_element(simulator, "track")
    for joint in joints:
        link = model(world, joint.findtext("child_model")).find("link")
        assert joint.findtext("child_link") == link.get("name")
