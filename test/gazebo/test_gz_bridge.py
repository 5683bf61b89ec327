"""The bridge between Gazebo and the nodes: each topic is offered on one side and expected on the
other, under the same name and type; what the bridge leaves out ros2_control does."""

import importlib

import pytest
import yaml
from expansions import SIMULATORS, robot_element, world_element

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from geometry_msgs.msg import PoseStamped
from std_msgs.msg import Empty, Float64

from liquid_adapt_ros.nodes.belt_marker import BELT_MARKER_TOPIC
from liquid_adapt_ros.nodes.gazebo_cell import BELT_SPEED_TOPIC, ROBOT_POSE_TOPIC, object_topic
from liquid_adapt_ros.nodes.sim_publishers import TOPICS
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.sim import robot, ur5e
from liquid_adapt_ros.sim.gazebo_truth import load_objects
from liquid_adapt_ros.sim.robot_description import ROBOT

CONFIG = share_folder() / "config"
BRIDGE = yaml.safe_load((CONFIG / "gz_bridge.yaml").read_text())
CONTROLLERS = yaml.safe_load((CONFIG / "gazebo_controllers.yaml").read_text())
OBJECTS = [item.name for item in load_objects(share_folder() / "worlds" / "objects.yaml")]
# ros_gz_bridge's own table of types, as far as it is used here.
GZ_TYPES = {
    "rosgraph_msgs/msg/Clock": "gz.msgs.Clock",
    "sensor_msgs/msg/Image": "gz.msgs.Image",
    "sensor_msgs/msg/CameraInfo": "gz.msgs.CameraInfo",
    "sensor_msgs/msg/Imu": "gz.msgs.IMU",
    "std_msgs/msg/Float64": "gz.msgs.Double",
    "std_msgs/msg/Empty": "gz.msgs.Empty",
    "geometry_msgs/msg/PoseStamped": "gz.msgs.Pose",
}
# What the built-in simulator publishes and Gazebo has from elsewhere, or not at all.
BY_CONTROLLERS = {"joint_states", "odom"}
BY_GAZEBO_CELL = {"object_pose", BELT_MARKER_TOPIC}
ONLY_BUILT_IN = {"planner/joint_command", "planner/cmd_vel", "sim/truth"}


def to_ros():
    return {row["ros_topic_name"]: row for row in BRIDGE if row["direction"] == "GZ_TO_ROS"}


def to_gz():
    return {row["ros_topic_name"]: row for row in BRIDGE if row["direction"] == "ROS_TO_GZ"}


def offered_by_gazebo(simulator):
    """Topics that world and robot publish, with their message types."""
    offered = {"/clock": "gz.msgs.Clock"}
    for sensor in robot_element(simulator).iterfind("gazebo/sensor"):
        topic = sensor.findtext("topic")
        if sensor.get("type") == "rgbd_camera":
            offered[f"{topic}/image"] = offered[f"{topic}/depth_image"] = "gz.msgs.Image"
            offered[f"{topic}/camera_info"] = "gz.msgs.CameraInfo"
        else:
            offered[topic] = "gz.msgs.IMU"
    models = [robot_element(simulator), *world_element(simulator, "track").findall("model")]
    for model in models:
        if any("pose-publisher" in p.get("filename", "") for p in model.iter("plugin")):
            offered[f"/model/{model.get('name')}/pose"] = "gz.msgs.Pose"
    return offered


def heard_by_gazebo(simulator):
    """Topics that world and robot listen to, with their message types."""
    heard = {}
    for plugin in world_element(simulator, "track").iterfind("model/plugin"):
        if topic := plugin.findtext("velocity_topic"):
            heard[topic] = "gz.msgs.Double"
    for plugin in robot_element(simulator).iterfind("gazebo/plugin"):
        for tag in ("attach_topic", "detach_topic"):
            if topic := plugin.findtext(tag):
                heard[topic] = "gz.msgs.Empty"
    return heard


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_what_goes_to_ros_is_what_gazebo_offers(simulator):
    bridged = {row["gz_topic_name"]: row["gz_type_name"] for row in to_ros().values()}
    assert bridged == offered_by_gazebo(simulator)


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_what_goes_to_gazebo_is_what_gazebo_listens_to(simulator):
    bridged = {row["gz_topic_name"]: row["gz_type_name"] for row in to_gz().values()}
    assert bridged == heard_by_gazebo(simulator)


def test_each_pair_of_types_is_one_that_the_bridge_converts():
    for row in BRIDGE:
        assert GZ_TYPES[row["ros_type_name"]] == row["gz_type_name"], row


def test_no_topic_is_bridged_twice_and_only_the_clock_is_absolute():
    names = [row["ros_topic_name"] for row in BRIDGE]
    assert len(set(names)) == len(names)
    assert [name for name in names if name.startswith("/")] == ["/clock"]


def test_the_nodes_get_what_the_built_in_simulator_gives_them_under_the_same_names():
    expected = {name: kind for kind, name, _ in TOPICS.values()}
    elsewhere = BY_CONTROLLERS | BY_GAZEBO_CELL | ONLY_BUILT_IN
    bridged = {name: message_class(row) for name, row in to_ros().items() if "sim/" not in name}
    assert bridged == {name: expected[name] for name in expected.keys() - elsewhere}


def test_the_bridge_carries_all_that_gazebo_cell_hears_and_says():
    heard = {ROBOT_POSE_TOPIC, *(object_topic(name, "pose") for name in OBJECTS)}
    assert {name for name in to_ros() if name.startswith("sim/")} == heard
    assert {message_class(to_ros()[name]) for name in heard} == {PoseStamped}
    said = {BELT_SPEED_TOPIC: Float64}
    said |= {object_topic(n, what): Empty for n in OBJECTS for what in ("attach", "detach")}
    assert {name: message_class(row) for name, row in to_gz().items()} == said


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_an_object_is_attached_and_detached_and_seen_under_its_own_name(simulator):
    plugins = robot_element(simulator).iterfind("gazebo/plugin")
    joints = {p.findtext("child_model"): p for p in plugins if p.find("child_model") is not None}
    for name in OBJECTS:
        assert to_ros()[object_topic(name, "pose")]["gz_topic_name"] == f"/model/{name}/pose"
        for what in ("attach", "detach"):
            topic = to_gz()[object_topic(name, what)]["gz_topic_name"]
            assert topic == joints[name].findtext(f"{what}_topic")


def message_class(row):
    package, _, name = row["ros_type_name"].split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def test_controllers_are_of_the_robot_and_run_at_the_rate_of_joint_states():
    manager, arm, drive = (
        CONTROLLERS[f"/**/{name}"]["ros__parameters"]
        for name in ("controller_manager", "joint_velocity_controller", "diff_drive_controller")
    )
    assert manager["update_rate"] == drive["publish_rate"] == 100
    assert {name for name, value in manager.items() if isinstance(value, dict)} == {
        "joint_state_broadcaster",
        "joint_velocity_controller",
        "diff_drive_controller",
    }
    assert tuple(arm["joints"]) == ur5e.JOINT_NAMES
    assert (drive["wheel_separation"], drive["wheel_radius"]) == (
        robot.WHEEL_TRACK_M,
        robot.WHEEL_RADIUS_M,
    )
    for side in ("left", "right"):
        assert drive[f"{side}_wheel_names"] == [f"{side}_wheel_joint"]
        assert f"{side}_wheel_joint" in ROBOT.joints


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_the_drive_listens_and_reports_under_the_names_that_the_nodes_use(simulator):
    (plugin,) = (
        plugin
        for plugin in robot_element(simulator).iterfind("gazebo/plugin")
        if "ros2_control" in plugin.get("filename")
    )
    assert [item.text for item in plugin.iterfind("ros/remapping")] == [
        "diff_drive_controller/cmd_vel:=cmd_vel",
        "diff_drive_controller/odom:=odom",
    ]


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_stamped_frames_are_those_of_the_built_in_simulator(simulator):
    from liquid_adapt_ros.nodes.sim_messages import CAMERA_FRAME, IMU_FRAME

    tag = {"harmonic": "gz_frame_id", "fortress": "ignition_frame_id"}[simulator]
    frames = {
        sensor.get("name"): sensor.findtext(tag)
        for sensor in robot_element(simulator).iterfind("gazebo/sensor")
    }
    assert frames == {"camera": CAMERA_FRAME, "imu": IMU_FRAME}
    assert set(frames.values()) <= ROBOT.links.keys()


@pytest.mark.parametrize("simulator", SIMULATORS)
def test_camera_info_says_the_focal_length_that_the_picture_is_drawn_with(simulator):
    from liquid_adapt_ros.sim.camera import PinholeCamera

    (camera,) = robot_element(simulator).iterfind("gazebo/sensor/camera")
    width, height = (int(camera.findtext(f"image/{side}")) for side in ("width", "height"))
    drawn = PinholeCamera.from_field_of_view(
        width, height, float(camera.findtext("horizontal_fov"))
    )
    said = {item.tag: float(item.text) for item in camera.find("lens/intrinsics")}
    assert said == pytest.approx(
        {"fx": drawn.fx, "fy": drawn.fy, "cx": width / 2, "cy": height / 2, "s": 0.0}
    )
