"""sensor_fusion as a process: real messages in, real messages out, and what goes wrong between."""

import random

import numpy as np
import pytest
from ros_probe import maps_torch
from sensor_drivers import (
    INTRINSICS,
    SensorDrivers,
    SystemClock,
    colour_image,
    depth_image_m,
    depth_image_mm,
    unchanged,
)
from tiny_model import write_tiny_encoder

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.fusion.preprocess import preprocess
from liquid_adapt_ros.msg import FusedState
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.nodes.stamps import set_stamp, stamp_ns

NODE = "sensor_fusion"


@pytest.fixture
def running(probe, model, start_node):
    """The node, its sensors and what it publishes, once every modality is valid."""
    drivers = SensorDrivers(probe, model.spec.joint_names)
    fused = probe.record(FusedState, "fused_state", qos.FUSED_STATE)
    node = start_node(NODE, model.parameters() | {"use_sim_time": True})
    assert probe.spin_until(lambda: fused and fused[-1].usable_for_learning), node.output()
    return node, drivers, fused


def assert_recovers(probe, fused):
    assert probe.spin_until(lambda: fused[-1].usable_for_learning)
    assert probe.spin_until(lambda: probe.message(NODE) == "ok"), probe.message(NODE)


def most(conditions):
    """On a busy machine a message may be lost on the way (sensor data are best effort)."""
    conditions = list(conditions)
    return sum(conditions) >= 0.9 * len(conditions) > 0


def test_features_are_those_of_the_model_at_the_joints_stamp_in_any_joint_order(
    probe, model, running
):
    node, drivers, fused = running
    sent = []

    def shuffled(message):
        pairs = [*zip(message.name, message.position, strict=True), ("gripper", 7.0)]
        random.Random(len(sent)).shuffle(pairs)
        message.name, message.position = [p[0] for p in pairs], [p[1] for p in pairs]
        sent.append(stamp_ns(message.header.stamp))
        return message

    drivers.alter_joints = shuffled
    probe.spin_for(0.3)
    del fused[:]
    assert probe.spin_until(lambda: len(fused) >= 100)
    stamps = [stamp_ns(message.header.stamp) for message in fused]
    assert most(stamp in sent for stamp in stamps)
    assert np.diff(stamps).min() > 0 and np.median(np.diff(stamps)) == 10_000_000
    encoder = OnnxEncoder(model.encoder_path)
    embedding = encoder.encode(*preprocess(drivers.rgb, drivers.depth_m, INTRINSICS))
    raw = np.concatenate([embedding, (0.0, 0.0, 9.81, 0.0, 0.0, 0.0), drivers.positions])
    scale = model.norm["norm.feature_scale"]
    expected = np.clip((raw - model.norm["norm.feature_mean"]) / scale, -10.0, 10.0)
    for message in fused:
        np.testing.assert_allclose(message.features, expected, rtol=1e-4, atol=1e-4)
        assert message.fingerprint == model.fingerprint
        assert message.header.frame_id == "base_link"
    assert most(message.camera_age_s < 0.1 and message.imu_age_s < 0.02 for message in fused)
    assert most(message.joint_age_s == 0.0 for message in fused)
    assert not maps_torch(node.process.pid)


def test_real_time_works_like_simulated_time(probe, model, start_node):
    drivers = SensorDrivers(probe, model.spec.joint_names, SystemClock(probe))
    fused = probe.record(FusedState, "fused_state", qos.FUSED_STATE)
    node = start_node(NODE, model.parameters())
    assert probe.spin_until(lambda: fused and fused[-1].usable_for_learning), node.output()
    newest_s = stamp_ns(fused[-1].header.stamp) / 1e9
    assert newest_s == pytest.approx(drivers.clock.advance() / 1e9, abs=1.0)


def test_encodings_and_units_make_no_difference(probe, running):
    _, drivers, fused = running
    expected = np.array(fused[-1].features)

    def as_bgr(message):
        swapped = colour_image(drivers.rgb, "bgr8")
        swapped.header = message.header
        return swapped

    def in_metres(message):
        metres = depth_image_m(drivers.depth_m)
        metres.header = message.header
        return metres

    drivers.alter_colour, drivers.alter_depth = as_bgr, in_metres
    probe.spin_for(0.5)
    assert probe.spin_until(lambda: fused[-1].camera_valid)
    np.testing.assert_allclose(fused[-1].features, expected, atol=1e-5)


def without_a_joint(message):
    message.name, message.position = message.name[1:], message.position[1:]
    return message


def with_nan(message):
    message.position[2] = np.nan
    return message


def test_without_usable_joints_ticks_go_on_by_the_clock_and_say_so(probe, running):
    _, drivers, fused = running
    faults = {
        "shoulder_pan_joint is missing": without_a_joint,
        "elbow_joint is nan": with_nan,
        "joints is": lambda message: None,
    }
    for reason, fault in faults.items():
        drivers.alter_joints = fault
        assert probe.spin_until(lambda: not fused[-1].joint_valid), reason
        del fused[:]
        assert probe.spin_until(lambda: len(fused) >= 50), reason
        steps = np.diff([stamp_ns(message.header.stamp) for message in fused])
        assert min(steps) > 0 and np.mean(steps) == pytest.approx(1e7, rel=0.2), reason
        for message in fused:
            assert np.isfinite(message.features).all()
            assert not message.joint_valid and not message.usable_for_learning
        assert most(message.imu_valid and message.camera_valid for message in fused)
        assert probe.spin_until(lambda what=reason: what in probe.message(NODE)), reason
        drivers.alter_joints = unchanged
        assert_recovers(probe, fused)


def test_imu_samples_that_are_not_finite_are_dropped(probe, running):
    _, drivers, fused = running

    def not_finite(message):
        message.angular_velocity.y = np.inf
        return message

    drivers.alter_imu = not_finite
    assert probe.spin_until(lambda: not fused[-1].imu_valid)
    assert np.isfinite(fused[-1].features).all()
    assert probe.spin_until(lambda: int(probe.value(NODE, "imu sample dropped")) > 0)
    drivers.alter_imu = unchanged
    assert_recovers(probe, fused)


def wrong_encoding(message):
    message.encoding = "yuv422"
    return message


def too_few_bytes(message):
    message.data = message.data[:100]
    return message


def stamped(offset_s):
    def alter(message):
        set_stamp(message.header.stamp, stamp_ns(message.header.stamp) + round(offset_s * 1e9))
        return message

    return alter


def half_size(message):
    half = depth_image_mm(np.ones((48, 64)))
    half.header = message.header
    return half


def test_bad_pictures_stop_learning_but_not_the_ticks(probe, running):
    _, drivers, fused = running
    for alter, fault, problem, reason in (
        ("alter_colour", wrong_encoding, "colour picture dropped", "'yuv422'"),
        ("alter_depth", too_few_bytes, "depth picture dropped", "100 bytes"),
        ("alter_colour", stamped(-10.0), "colour picture dropped", "went back"),
        ("alter_colour", stamped(3.0), "colour picture dropped", "in the future"),
        ("alter_depth", stamped(0.02), "picture without partner", "one stamp"),
        ("alter_depth", half_size, "picture dropped", "depth 64x48"),
    ):
        setattr(drivers, alter, fault)
        assert probe.spin_until(lambda: not fused[-1].camera_valid), reason
        assert probe.spin_until(lambda what=reason: what in probe.message(NODE)), reason
        assert int(probe.value(NODE, problem)) > 0
        del fused[:]
        assert probe.spin_until(lambda: len(fused) >= 40), reason
        assert most(message.joint_valid and message.imu_valid for message in fused)
        assert not any(message.usable_for_learning for message in fused)
        setattr(drivers, alter, unchanged)
        assert_recovers(probe, fused)


def test_age_limits_change_at_run_time_and_fixed_parameters_do_not(probe, running):
    _, _, fused = running

    def set_parameter(name, value):
        return probe.set_parameters(NODE, {name: value})

    assert set_parameter("camera_max_age_s", 0.0).successful
    assert probe.spin_until(lambda: not fused[-1].camera_valid)
    assert "out of range" in set_parameter("camera_max_age_s", -1.0).reason
    assert "read-only" in set_parameter("base_frame", "map").reason
    assert set_parameter("camera_max_age_s", 0.2).successful
    assert_recovers(probe, fused)


def test_tolerances_of_stamps_change_at_run_time(probe, running):
    _, drivers, fused = running
    for altered, offset_s, parameter in (
        (("alter_depth",), 0.02, "pair_tolerance_s"),
        (("alter_colour", "alter_depth"), 3.0, "future_tolerance_s"),
    ):
        for alter in altered:
            setattr(drivers, alter, stamped(offset_s))
        assert probe.spin_until(lambda: not fused[-1].camera_valid), parameter
        assert probe.set_parameters(NODE, {parameter: 1.5 * offset_s}).successful
        assert probe.spin_until(lambda: fused[-1].camera_valid), parameter


def test_the_rate_changes_at_run_time_and_stamps_go_on_rising(probe, running):
    _, _, fused = running
    del fused[:]
    for rate_hz in (50.0, 100.0):
        assert probe.set_parameters(NODE, {"rate_hz": rate_hz}).successful
        probe.spin_for(0.2)
        known = len(fused)
        assert probe.spin_until(lambda known=known: len(fused) > known + 40)
        stamps = [stamp_ns(message.header.stamp) for message in fused]
        assert np.median(np.diff(stamps[known:])) == pytest.approx(1e9 / rate_hz)
    assert min(np.diff(stamps)) > 0


def test_filters_that_contradict_are_refused_together_with_all_that_came_with_them(probe, running):
    _, _, fused = running
    known = {"imu_rate_hz": 200.0, "imu_cutoff_hz": 20.0, "joint_cutoff_hz": 20.0}
    wrong = probe.set_parameters(NODE, {"imu_cutoff_hz": 5.0, "joint_cutoff_hz": 60.0})
    assert not wrong.successful
    assert (
        wrong.reason == "joint_cutoff_hz must be below half of joint_rate_hz, which is 50, not 60"
    )
    assert probe.parameters(NODE, known) == list(known.values())
    assert "imu_rate_hz" in probe.set_parameters(NODE, {"imu_rate_hz": 30.0}).reason
    assert probe.set_parameters(NODE, {"imu_rate_hz": 30.0, "imu_cutoff_hz": 10.0}).successful
    expected = np.array(fused[-1].features)
    del fused[:]
    assert probe.spin_until(lambda: len(fused) > 50)
    assert fused[-1].usable_for_learning
    # The sensors say the same all the time, and a new filter starts where they are.
    for message in fused:
        np.testing.assert_allclose(message.features, expected, atol=1e-4)


def test_simulated_time_that_starts_again_is_followed(probe, running):
    node, drivers, fused = running
    assert fused[-1].header.stamp.sec >= 50
    drivers.clock.now_ns = 1_000_000_000
    assert probe.spin_until(lambda: fused[-1].header.stamp.sec < 50), node.output()
    del fused[:]
    assert probe.spin_until(lambda: len(fused) > 20 and fused[-1].usable_for_learning)
    stamps = [stamp_ns(message.header.stamp) for message in fused]
    assert max(stamps) < 30_000_000_000 and min(np.diff(stamps)) > 0
    assert node.stop() == 0


def test_the_wrong_encoder_for_the_model_ends_the_node_with_the_reason(
    ros_domain, model, tmp_path, start_node
):
    other = tmp_path / "other.onnx"
    write_tiny_encoder(other, 128, np.random.default_rng(9))
    node = start_node(NODE, model.parameters() | {"encoder_file": str(other)})
    assert node.wait() == 1
    assert "not the encoder that model_file was trained with" in node.output()
