"""IMU, encoders and pose detector."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.sim.camera import rotation_matrix
from liquid_adapt_ros.sim.config import DetectorConfig, EncoderConfig, ImuConfig
from liquid_adapt_ros.sim.sensors import (
    GRAVITY_M_S2,
    EncoderModel,
    ImuModel,
    PoseDetector,
    specific_force,
)

QUIET_IMU = ImuConfig(
    acceleration_sigma_m_s2=0.0,
    angular_velocity_sigma_rad_s=0.0,
    acceleration_bias_sigma_m_s2=0.0,
    angular_velocity_bias_sigma_rad_s=0.0,
)
NAMES = ("a", "b", "c")
TICK_S = 0.01


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_an_imu_at_rest_measures_gravity_upwards():
    sample = ImuModel(QUIET_IMU, rng()).measure(
        1.5, specific_force(np.zeros(3), np.eye(3)), np.zeros(3)
    )
    assert sample.stamp_s == 1.5
    np.testing.assert_allclose(sample.linear_acceleration, [0.0, 0.0, GRAVITY_M_S2])
    np.testing.assert_allclose(sample.angular_velocity, 0.0)


def test_a_falling_imu_feels_nothing():
    falling = np.array([0.0, 0.0, -GRAVITY_M_S2])
    np.testing.assert_allclose(specific_force(falling, np.eye(3)), 0.0)


@given(st.tuples(*[st.floats(-3.0, 3.0)] * 3))
def test_gravity_turns_with_the_imu_and_keeps_its_size(rotation_rad):
    rotation = rotation_matrix(np.array(rotation_rad))
    force = specific_force(np.zeros(3), rotation)
    np.testing.assert_allclose(rotation @ force, [0.0, 0.0, GRAVITY_M_S2], atol=1e-9)


def test_imu_noise_and_bias_have_their_sizes():
    """Bounds are 4 sigma of the estimates from n samples."""
    config = ImuConfig()
    model = ImuModel(config, rng())
    count = 4000
    samples = [model.measure(0.0, np.zeros(3), np.zeros(3)) for _ in range(count)]
    for values, sigma, bias_sigma in (
        (
            np.array([s.linear_acceleration for s in samples]),
            config.acceleration_sigma_m_s2,
            config.acceleration_bias_sigma_m_s2,
        ),
        (
            np.array([s.angular_velocity for s in samples]),
            config.angular_velocity_sigma_rad_s,
            config.angular_velocity_bias_sigma_rad_s,
        ),
    ):
        np.testing.assert_allclose(values.std(axis=0), sigma, rtol=4.0 / np.sqrt(2.0 * count))
        bias = values.mean(axis=0)
        assert np.all(np.abs(bias) < 4.0 * (bias_sigma + sigma / np.sqrt(count)))
        assert np.any(np.abs(bias) > 4.0 * sigma / np.sqrt(count))


def test_imu_bias_disturbances_are_added():
    sample = ImuModel(QUIET_IMU, rng()).measure(
        0.0, np.zeros(3), np.zeros(3), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    )
    np.testing.assert_allclose(sample.linear_acceleration, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(sample.angular_velocity, [0.4, 0.5, 0.6])


@given(
    st.tuples(*[st.floats(-6.3, 6.3)] * 3),
    st.floats(-0.2, 0.2),
    st.sampled_from([0.0, 1e-4, 1e-2]),
)
def test_encoders_add_their_offset_and_round_to_their_resolution(position, offset, resolution):
    config = EncoderConfig(resolution_rad=resolution, velocity_sigma_rad_s=0.0)
    sample = EncoderModel(config, NAMES, rng()).measure(
        0.0, np.array(position), np.array([1.0, 2.0, 3.0]), offset
    )
    np.testing.assert_allclose(
        sample.position, np.array(position) + offset, atol=0.5 * resolution + 1e-12
    )
    if resolution:
        steps = sample.position / resolution
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    np.testing.assert_array_equal(sample.velocity, [1.0, 2.0, 3.0])
    assert sample.names == NAMES


def test_encoder_velocity_noise_has_its_sigma():
    config = EncoderConfig(velocity_sigma_rad_s=0.01)
    model = EncoderModel(config, NAMES, rng())
    velocity = [model.measure(0.0, np.zeros(3), np.zeros(3)).velocity for _ in range(2000)]
    assert np.std(velocity) == pytest.approx(0.01, rel=4.0 / np.sqrt(2.0 * 6000))


def detections(config: DetectorConfig, ticks: int, position=lambda time_s: np.zeros(3)) -> list:
    """(tick, detection) of a target that is always there."""
    detector = PoseDetector(config, rng())
    found = []
    for tick in range(ticks):
        time_s = tick * TICK_S
        detection = detector.tick(time_s, position(time_s), 7)
        if detection is not None:
            found.append((tick, detection))
    return found


def test_detections_come_at_the_rate_after_the_latency_with_the_stamp_of_measurement():
    found = detections(DetectorConfig(rate_hz=20.0, latency_s=0.05), 1000)
    assert [tick for tick, _ in found] == list(range(5, 1000, 5))
    for tick, detection in found:
        assert detection.stamp_s == pytest.approx(tick * TICK_S - 0.05)
        assert detection.object_id == 7


def test_a_detection_is_the_position_at_its_stamp_not_at_its_arrival():
    config = DetectorConfig(sigma_m=0.0, latency_s=0.08)
    for _, detection in detections(config, 200, lambda t: np.array([0.4 * t, 0.1, 0.0])):
        assert detection.position[0] == pytest.approx(0.4 * detection.stamp_s)


def test_detector_noise_has_its_sigma_on_each_axis():
    found = detections(DetectorConfig(rate_hz=100.0, sigma_m=0.002), 3000)
    positions = np.array([detection.position for _, detection in found])
    bound = 4.0 / np.sqrt(2.0 * len(positions))
    np.testing.assert_allclose(positions.std(axis=0), 0.002, rtol=bound)


def test_without_latency_a_detection_comes_in_its_own_tick():
    assert detections(DetectorConfig(latency_s=0.0), 11)[1][0] == 5


def test_without_a_target_nothing_is_measured_and_what_was_measured_still_comes():
    detector = PoseDetector(DetectorConfig(), rng())
    assert detector.tick(0.0, np.ones(3), 1) is None
    results = [detector.tick(tick * TICK_S, None, None) for tick in range(1, 100)]
    assert [result.stamp_s for result in results if result is not None] == [0.0]
