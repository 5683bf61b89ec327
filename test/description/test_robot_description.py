"""The robot's description: figures, inertias, kinematics, and what is made of it."""

import importlib.util
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import published_ur5e as published
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.sim import robot, ur5e
from liquid_adapt_ros.sim.camera import look_at_pose
from liquid_adapt_ros.sim.config import ArmConfig, CameraConfig
from liquid_adapt_ros.sim.robot_description import EXPANDED, ROBOT, Pose, RobotDescription

SCRIPT = Path(__file__).parents[2] / "scripts" / "expand_robot.py"
ARM_JOINTS = [ROBOT.joints[name] for name in ur5e.JOINT_NAMES]
ARM_LINKS = [ROBOT.links[joint.child] for joint in ARM_JOINTS]
BODIES = [name for name, link in ROBOT.links.items() if link.inertial is not None]


def pose_in_base(link: str) -> np.ndarray:
    """Pose (4, 4) of a link in base_link with all joints at zero."""
    pose = np.eye(4)
    while link != "base_link":
        joint = ROBOT.mounts[link]
        step = np.eye(4)
        step[:3, :3], step[:3, 3] = joint.pose.rotation, joint.pose.xyz
        pose, link = step @ pose, joint.parent
    return pose


def test_the_committed_expansion_is_that_of_the_xacro():
    pytest.importorskip("xacro")
    spec = importlib.util.spec_from_file_location("expand_robot", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert EXPANDED.read_text() == script.expansion(), "run scripts/ros_env python " + str(SCRIPT)


def test_every_link_hangs_on_base_link_by_one_chain():
    assert set(ROBOT.links) - set(ROBOT.mounts) == {"base_link"}
    for link in ROBOT.links:
        assert np.isfinite(pose_in_base(link)).all()


@pytest.mark.parametrize("name", BODIES)
def test_the_inertia_of_each_body_is_one_that_a_solid_can_have(name):
    inertial = ROBOT.links[name].inertial
    principal = np.linalg.eigvalsh(inertial.tensor_kg_m2)
    assert inertial.mass_kg > 0.0
    assert principal[0] > 0.0
    assert principal[2] <= principal[0] + principal[1]


@pytest.mark.parametrize("name", BODIES)
def test_each_body_is_as_compact_as_its_shapes(name):
    """No principal radius of gyration beyond the reach of what is seen or touched."""
    link = ROBOT.links[name]
    reach = max(
        np.linalg.norm(np.subtract(shape.pose.xyz, link.inertial.pose.xyz)) + sum(shape.size)
        for shape in (*link.visuals, *link.collisions)
    )
    largest = np.linalg.eigvalsh(link.inertial.tensor_kg_m2)[2]
    assert np.sqrt(largest / link.inertial.mass_kg) < reach


def test_arm_masses_and_limits_are_the_published_ones():
    assert tuple(link.inertial.mass_kg for link in ARM_LINKS) == published.MASS_KG
    assert ur5e.MAX_TORQUE_NM == published.MAX_TORQUE_NM
    assert ur5e.MAX_VELOCITY_RAD_S == published.MAX_VELOCITY_RAD_S
    assert tuple(joint.upper_rad for joint in ARM_JOINTS) == published.POSITION_LIMIT_RAD
    assert tuple(-joint.lower_rad for joint in ARM_JOINTS) == published.POSITION_LIMIT_RAD


def test_kinematics_read_the_published_dh_table():
    assert ur5e.DH_A_M == published.A_M
    assert ur5e.DH_D_M == published.D_M
    assert ur5e.DH_ALPHA_RAD == published.ALPHA_RAD


def test_arm_inertias_are_the_published_ones_in_their_frames():
    frames = ur5e.joint_frames(np.zeros(6))
    for index, (joint, link) in enumerate(zip(ARM_JOINTS, ARM_LINKS, strict=True)):
        pose = pose_in_base(joint.child)
        far_end = frames[index + 1]
        centre = pose[:3, :3] @ link.inertial.pose.xyz + pose[:3, 3] - robot.ARM_BASE_M
        expected = far_end[:3, :3] @ published.CENTRE_OF_MASS_M[index] + far_end[:3, 3]
        np.testing.assert_allclose(centre, expected, atol=1e-12)
        xx, xy, xz, yy, yz, zz = published.INERTIA_KG_M2[index]
        np.testing.assert_array_equal(
            link.inertial.tensor_kg_m2, ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))
        )
        axes = pose[:3, :3] @ link.inertial.pose.rotation
        np.testing.assert_allclose(axes, far_end[:3, :3], atol=1e-12)


def test_the_arm_joints_turn_about_z_and_lie_where_the_dh_table_puts_them():
    frames = ur5e.joint_frames(np.zeros(6))
    for index, joint in enumerate(ARM_JOINTS):
        assert (joint.kind, joint.axis) == ("revolute", (0.0, 0.0, 1.0))
        pose = pose_in_base(joint.child)
        np.testing.assert_allclose(pose[:3, 3] - robot.ARM_BASE_M, frames[index, :3, 3], atol=1e-9)
        np.testing.assert_allclose(pose[:3, :3], frames[index, :3, :3], atol=1e-9)


def test_the_flange_and_the_lip_are_where_the_kinematics_say():
    flange = ur5e.forward_kinematics(np.zeros(6))
    np.testing.assert_allclose(pose_in_base("tool0")[:3, :3], flange[:3, :3], atol=1e-12)
    lip = flange[:3, 3] + robot.TOOL_LENGTH_M * flange[:3, 2] + robot.ARM_BASE_M
    np.testing.assert_allclose(pose_in_base("suction_lip")[:3, 3], lip, atol=1e-12)


def test_the_optical_frame_is_that_of_the_simulated_camera():
    config = CameraConfig()
    expected = look_at_pose(config.position_m, config.look_at_m)
    np.testing.assert_allclose(pose_in_base("camera_color_optical_frame"), expected, atol=1e-12)


def test_gazebos_camera_sees_as_near_and_as_far_as_the_simulated_one():
    clip = ROBOT.sensor("camera").find("camera/clip")
    seen = tuple(float(clip.findtext(end)) for end in ("near", "far"))
    assert seen == CameraConfig().noise.range_m


def test_the_wheels_touch_the_floor_and_so_do_the_casters():
    for name in ("left_wheel", "right_wheel", "rear_caster", "front_caster"):
        (touch,) = ROBOT.links[name].collisions
        assert ROBOT.mounts[name].pose.xyz[2] == pytest.approx(touch.size[0])


def test_ros2_control_commands_the_velocity_of_each_moving_joint_within_its_limit():
    joints = ElementTree.parse(EXPANDED).findall("ros2_control/joint")
    moving = {name for name, joint in ROBOT.joints.items() if joint.kind != "fixed"}
    assert {joint.get("name") for joint in joints} == moving
    starts = {}
    for joint in joints:
        command = joint.find("command_interface")
        assert command.get("name") == "velocity"
        bounds = [float(param.text) for param in command.findall("param")]
        limit = ROBOT.joints[joint.get("name")].velocity_rad_s
        assert bounds == [-limit, limit]
        starts[joint.get("name")] = float(joint.findtext("state_interface/param"))
    assert tuple(starts[name] for name in ur5e.JOINT_NAMES) == ArmConfig().start_rad


def test_a_sensor_that_is_not_there_is_named():
    with pytest.raises(KeyError, match="lidar"):
        ROBOT.sensor("lidar")


@given(rpy=st.tuples(*[st.floats(-3.0, 3.0)] * 3))
@settings(max_examples=50, deadline=None)
def test_roll_pitch_yaw_turn_about_fixed_axes_in_this_order(rpy):
    roll, pitch, yaw = rpy
    single = [Pose(rpy=(roll, 0, 0)), Pose(rpy=(0, pitch, 0)), Pose(rpy=(0, 0, yaw))]
    x, y, z = (pose.rotation for pose in single)
    np.testing.assert_allclose(Pose(rpy=rpy).rotation, z @ y @ x, atol=1e-12)
    np.testing.assert_allclose(single[2].rotation @ (1.0, 0.0, 0.0), (np.cos(yaw), np.sin(yaw), 0))


def test_what_the_file_leaves_out_has_the_value_that_urdf_gives_it():
    minimal = RobotDescription(
        '<robot name="r"><link name="a"/><link name="b"/><joint name="j" type="fixed">'
        '<parent link="a"/><child link="b"/></joint></robot>'
    )
    joint = minimal.mounts["b"]
    assert joint.pose == Pose()
    assert (joint.axis, joint.effort_nm, joint.damping) == ((1.0, 0.0, 0.0), 0.0, 0.0)
    assert minimal.links["a"].inertial is None
