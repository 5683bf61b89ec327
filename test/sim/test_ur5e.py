"""The arm's kinematics and masses against the published figures."""

import mujoco
import numpy as np
import published_ur5e as published
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.sim import mjcf, robot, ur5e

joint_positions = st.lists(st.floats(-np.pi, np.pi), min_size=6, max_size=6).map(np.array)


def test_zero_position_reaches_the_published_pose():
    pose = ur5e.forward_kinematics(np.zeros(6))
    # -0.425 - 0.3922, -(0.1333 + 0.0996), 0.1625 - 0.0997 from the DH table
    np.testing.assert_allclose(pose[:3, 3], (-0.8172, -0.2329, 0.0628), atol=1e-9)


def test_upright_arm_stands_as_high_as_its_links_are_long():
    pose = ur5e.forward_kinematics(np.array((0.0, -np.pi / 2, 0.0, -np.pi / 2, 0.0, 0.0)))
    height = 0.1625 + 0.425 + 0.3922 + 0.0997
    np.testing.assert_allclose(pose[:3, 3], (0.0, -0.2329, height), atol=1e-9)


@given(q=joint_positions)
@settings(max_examples=50, deadline=None)
def test_jacobian_agrees_with_finite_differences(q):
    jacobian, pose, step = ur5e.jacobian(q), ur5e.forward_kinematics(q), 1e-6
    for joint in range(6):
        moved = q.copy()
        moved[joint] += step
        change = (ur5e.forward_kinematics(moved) - pose) / step
        turn = change[:3, :3] @ pose[:3, :3].T
        np.testing.assert_allclose(jacobian[:3, joint], change[:3, 3], atol=1e-5)
        rotation = (turn[2, 1], turn[0, 2], turn[1, 0])
        np.testing.assert_allclose(jacobian[3:, joint], rotation, atol=1e-5)


@given(q=joint_positions)
@settings(max_examples=20, deadline=None)
def test_simulated_arm_stands_where_the_kinematics_say(q):
    model = _model()
    data = mujoco.MjData(model)
    for name, value in zip(ur5e.JOINT_NAMES, q, strict=True):
        data.joint(name).qpos[0] = value
    mujoco.mj_kinematics(model, data)
    pose = ur5e.forward_kinematics(q)
    flange = data.body("tool")
    np.testing.assert_allclose(flange.xpos, pose[:3, 3] + robot.ARM_BASE_M, atol=1e-8)
    np.testing.assert_allclose(flange.xmat.reshape(3, 3), pose[:3, :3], atol=1e-8)


def test_simulated_links_weigh_what_is_published():
    model = _model()
    masses = [model.body(name).mass[0] for name in ur5e.LINK_NAMES]
    np.testing.assert_allclose(masses, published.MASS_KG)
    np.testing.assert_allclose(sum(masses), 17.70, atol=0.01)


def test_simulated_centres_of_mass_and_inertias_are_the_published_ones():
    """Potential and kinetic energy of the chain, from the DH figures and from the model."""
    model = _model()
    data = mujoco.MjData(model)
    q = np.array((0.3, -1.1, 1.4, -0.9, -1.2, 0.7))
    for name, value in zip(ur5e.JOINT_NAMES, q, strict=True):
        data.joint(name).qpos[0] = value
    mujoco.mj_forward(model, data)
    frames = ur5e.joint_frames(q)
    for index, name in enumerate(ur5e.LINK_NAMES):
        frame = frames[index + 1]
        centre = (
            frame[:3, :3] @ published.CENTRE_OF_MASS_M[index] + frame[:3, 3] + robot.ARM_BASE_M
        )
        np.testing.assert_allclose(data.body(name).xipos, centre, atol=1e-6)
        xx, xy, xz, yy, yz, zz = published.INERTIA_KG_M2[index]
        tensor = np.array(((xx, xy, xz), (xy, yy, yz), (xz, yz, zz)))
        axes = data.body(name).ximat.reshape(3, 3)
        simulated = axes @ np.diag(model.body(name).inertia) @ axes.T
        expected = frame[:3, :3] @ tensor @ frame[:3, :3].T
        np.testing.assert_allclose(simulated, expected, atol=1e-6)


def _model() -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(mjcf.world_xml())
