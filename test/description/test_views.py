"""RViz's and Foxglove's views show topics that there are, of the type that the display takes."""

import json

import pytest
import yaml

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image
from std_msgs.msg import String
from visualization_msgs.msg import Marker

from liquid_adapt_ros.msg import AdaptationStatus, PolicyAction
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.sim_publishers import TOPICS
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.sim.robot_description import ROBOT

VIEWS = share_folder() / "rviz"
RVIZ = yaml.safe_load((VIEWS / "conveyor.rviz").read_text())["Visualization Manager"]
FOXGLOVE = json.loads((VIEWS / "conveyor_foxglove.json").read_text())
# Sent by others than the simulator; the predictions by lnn_inference, when parameters ask for it.
OTHERS = {
    "robot_description": String,
    "predicted_object_pose": PoseStamped,
    "prediction_marker": Marker,
    "policy_action": PolicyAction,
    "adaptation_status": AdaptationStatus,
}
KNOWN = {name: kind for kind, name, _ in TOPICS.values()} | OTHERS
RVIZ_TYPES = {"RobotModel": String, "Marker": Marker, "Pose": PoseStamped, "Image": Image}


def rviz_topics():
    """(class of the display, its topic's properties)."""
    return [
        (display["Class"].split("/")[1], value)
        for display in RVIZ["Displays"]
        for key, value in display.items()
        if key.endswith("Topic")
    ]


def test_rviz_displays_topics_that_there_are_of_the_type_that_they_take():
    shown = rviz_topics()
    for kind, topic in shown:
        assert KNOWN[topic["Value"]] is RVIZ_TYPES[kind], topic
    assert {topic["Value"] for _, topic in shown} == {
        "robot_description",
        "sim/belt_marker",
        "object_pose",
        "predicted_object_pose",
        "prediction_marker",
        "camera/color/image_raw",
        "camera/aligned_depth_to_color/image_raw",
    }


def test_rviz_asks_for_no_more_than_the_publishers_promise():
    profiles = {name: profile for _, name, profile in TOPICS.values()}
    for _, topic in rviz_topics():
        profile = profiles.get(topic["Value"])
        if profile is not None and topic["Reliability Policy"] == "Reliable":
            assert profile.reliability == qos.REPORT.reliability


def test_rviz_and_foxglove_look_from_a_frame_of_the_robot():
    assert RVIZ["Global Options"]["Fixed Frame"] in ROBOT.links
    assert FOXGLOVE["configById"]["3D!cell"]["followTf"] in ROBOT.links


def test_foxglove_shows_topics_and_fields_that_there_are():
    panels = FOXGLOVE["configById"]
    cell = panels["3D!cell"]
    topics = [*cell["topics"], cell["layers"]["robot"]["topic"]]
    topics += [
        panels["Image!colour"]["imageMode"][key] for key in ("imageTopic", "calibrationTopic")
    ]
    paths = [
        path["value"].split(".")
        for name, panel in panels.items()
        if name.startswith("Plot!")
        for path in panel["paths"]
    ]
    assert len(paths) == 4
    for topic in topics:
        assert topic.removeprefix("/") in KNOWN
    for topic, *fields in paths:
        assert has_field(KNOWN[topic.removeprefix("/")], fields), (topic, fields)


def has_field(message_class, fields):
    """Whether the message has the number that a path of field names leads to."""
    message = message_class()
    for field in fields:
        if not hasattr(message, field):
            return False
        message = getattr(message, field)
    return isinstance(message, float)


def test_each_panel_of_foxglove_has_its_place():
    def placed(node):
        return [node] if isinstance(node, str) else placed(node["first"]) + placed(node["second"])

    assert sorted(placed(FOXGLOVE["layout"])) == sorted(FOXGLOVE["configById"])
