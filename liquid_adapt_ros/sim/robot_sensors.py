"""What the robot carries to measure with, under one set of disturbances."""

import dataclasses

import numpy as np

from liquid_adapt_ros.sim import ur5e
from liquid_adapt_ros.sim.camera import mounted_pose
from liquid_adapt_ros.sim.config import EpisodeConfig
from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.latency import LatencyQueue
from liquid_adapt_ros.sim.photographer import Photographer
from liquid_adapt_ros.sim.samples import CameraSample
from liquid_adapt_ros.sim.sensors import EncoderModel, ImuModel, ImuSample, JointSample
from liquid_adapt_ros.sim.world import ConveyorWorld, WorldState


class RobotSensors:
    """IMU, joint encoders and camera.

    Args:
        config: what they are nominally.
        disturbances: what holds at first.
        imu, encoder: sources of their noise.
    """

    def __init__(
        self,
        config: EpisodeConfig,
        disturbances: Disturbances,
        imu: np.random.Generator,
        encoder: np.random.Generator,
    ) -> None:
        self._config = config
        self._imu = ImuModel(config.imu, imu)
        self._encoder = EncoderModel(config.encoder, ur5e.JOINT_NAMES, encoder)
        self._frames: LatencyQueue[CameraSample] = LatencyQueue()
        self.use(disturbances)

    @property
    def disturbances(self) -> Disturbances:
        """What holds now."""
        return self._disturbances

    def use(self, disturbances: Disturbances) -> None:
        """Measure under other disturbances from now on."""
        self._disturbances = disturbances
        self._mounted_pose = mounted_pose(
            self._config.camera,
            disturbances.camera_rotation_rad,
            disturbances.camera_translation_m,
        )
        light = self._config.light
        self._light = dataclasses.replace(
            light,
            intensity=light.intensity * disturbances.light_scale,
            tint=tuple(np.multiply(light.tint, disturbances.light_tint).tolist()),
        )

    def read_imu(self, stamp_s: float, force: np.ndarray, rate: np.ndarray) -> ImuSample:
        """Measure a true specific force [m/s^2] and angular velocity [rad/s], (3,) each."""
        return self._imu.measure(
            stamp_s,
            force,
            rate,
            np.array(self._disturbances.imu_acceleration_bias_m_s2),
            np.array(self._disturbances.imu_angular_velocity_bias_rad_s),
        )

    def read_joints(self, state: WorldState) -> JointSample:
        """Measure the joints of a state."""
        return self._encoder.measure(
            state.time_s,
            state.joint_position,
            state.joint_velocity,
            np.array(self._disturbances.joint_encoder_offset_rad),
        )

    def take_frame(self, world: ConveyorWorld, photographer: Photographer) -> None:
        """Take a picture now; it becomes available a latency later."""
        picture = photographer.take(
            world, self._mounted_pose, self._light, self._disturbances.depth_scale
        )
        latency_s = self._config.camera.latency_s + self._disturbances.camera_latency_s
        self._frames.push(picture, picture.stamp_s, latency_s)

    def available_frame(self, time_s: float) -> CameraSample | None:
        """The oldest picture not yet given that is available at a time; one per call."""
        return self._frames.pop(time_s)
