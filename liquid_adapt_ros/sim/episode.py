"""One episode: world, sensors, teacher and supervisor, advanced together in ticks of 10 ms."""

import dataclasses

import numpy as np

from liquid_adapt_ros.sim import ur5e
from liquid_adapt_ros.sim.belt_texture import BeltTexture
from liquid_adapt_ros.sim.camera import RayCamera, mounted_pose
from liquid_adapt_ros.sim.config import EpisodeConfig
from liquid_adapt_ros.sim.depth_noise import DepthNoise
from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.latency import LatencyQueue, SampleClock
from liquid_adapt_ros.sim.mjcf_elements import VISIBLE_GROUP
from liquid_adapt_ros.sim.planner import Planner, PlannerAction
from liquid_adapt_ros.sim.samples import (
    CameraSample,
    Command,
    Counters,
    OdomSample,
    TickResult,
    Truth,
)
from liquid_adapt_ros.sim.scenario import Scenario
from liquid_adapt_ros.sim.sensors import EncoderModel, ImuModel, ImuSample, PoseDetector
from liquid_adapt_ros.sim.supervisor import PickLedger, Supervisor
from liquid_adapt_ros.sim.target import select_target
from liquid_adapt_ros.sim.world import ConveyorWorld, WorldState

STEPS_PER_TICK = 5


class Episode:
    """The whole simulated robot at work; deterministic for config, seed, scenario and commands."""

    def __init__(self, config: EpisodeConfig, seed: int, scenario: Scenario | None = None) -> None:
        """Build the world.

        Args:
            config: nominal conditions; the scenario's overrides are applied to it.
            seed: of every random stream; streams are separate, so that leaving out pictures does
                not change what happens.
            scenario: disturbances over time; None for none.
        """
        self._scenario = scenario or Scenario()
        self.config = self._scenario.episode_config(config)
        world, imu, encoder, detector, camera = (
            np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(5)
        )
        self.world = ConveyorWorld(self.config, world)
        self._imu = ImuModel(self.config.imu, imu)
        self._imu_clock = SampleClock(self.config.imu.rate_hz)
        self._imu_clock.due(0.0)  # the first sample ends the first period
        self._imu_readings: list[tuple[np.ndarray, np.ndarray]] = []
        self._encoder = EncoderModel(self.config.encoder, ur5e.JOINT_NAMES, encoder)
        self._detector = PoseDetector(self.config.detector, detector)
        self._camera_rng = camera
        self._camera = self._build_camera()
        self._camera_clock = SampleClock(self.config.camera.rate_hz)
        self._frames: LatencyQueue[CameraSample] = LatencyQueue()
        self._planner = Planner()
        self._supervisor = Supervisor(self.config.supervisor)
        self._ledger = PickLedger()
        self._explicit: Disturbances | None = None
        self._use(self._scenario.disturbances_at(0.0))
        self._planned: PlannerAction = self._planner.step(self.world.state())

    def _build_camera(self) -> RayCamera:
        config, model = self.config.camera, self.world.model
        return RayCamera(
            model,
            config.width,
            config.height,
            config.horizontal_fov_rad,
            depth_noise=DepthNoise(config.noise),
            belt_texture=BeltTexture(model.geom("belt").id),
            visible_groups=(VISIBLE_GROUP,),
            excluded_body=model.body("mast").id,
        )

    # --- disturbances -----------------------------------------------------------------------

    @property
    def disturbances(self) -> Disturbances:
        """What holds now: the scenario's, or what was set here (None: the scenario's again)."""
        return self._disturbances

    @disturbances.setter
    def disturbances(self, value: Disturbances | None) -> None:
        self._explicit = value
        self._use(value or self._scenario.disturbances_at(self.world.time_s))

    def _use(self, disturbances: Disturbances) -> None:
        self._disturbances = disturbances
        self.world.belt_speed_scale = disturbances.belt_speed_scale
        self.world.set_payload(disturbances.payload_mass_kg)
        self._mounted_pose = mounted_pose(
            self.config.camera,
            disturbances.camera_rotation_rad,
            disturbances.camera_translation_m,
        )
        light = self.config.light
        self._light = dataclasses.replace(
            light,
            intensity=light.intensity * disturbances.light_scale,
            tint=tuple(np.multiply(light.tint, disturbances.light_tint).tolist()),
        )

    # --- time -------------------------------------------------------------------------------

    @property
    def counters(self) -> Counters:
        """Objects, picks and misses so far."""
        return self._ledger.counters

    def tick(self, command: Command | None = None, *, render: bool = True) -> TickResult:
        """Advance by 10 ms.

        Args:
            command: what the policy asks for, None if there is none: the planner drives.
            render: False saves the time of the camera; no frames are taken then.
        """
        if self._explicit is None:
            scheduled = self._scenario.disturbances_at(self.world.time_s)
            if scheduled is not self._disturbances and scheduled != self._disturbances:
                self._use(scheduled)
        planned = self._planned
        driver = self._supervisor.driver(self.world.time_s, command, planned)
        action = command if driver == "policy" else planned
        self.world.apply(action.joint_velocity, action.base_twist, action.gripper)
        imu: list[ImuSample] = []
        for _ in range(STEPS_PER_TICK):
            self.world.step()
            imu += self._read_imu()
            if self._camera_clock.due(self.world.time_s) and render:
                self._take_frame()
        self.world.refresh()
        state = self.world.state()
        self._ledger.tick(driver, planned, state.held_id)
        self._ledger.settle(*self.world.take_finished())
        self._planned = self._planner.step(state)
        return self._result(state, imu, driver)

    def _result(self, state: WorldState, imu: list[ImuSample], driver: str) -> TickResult:
        target = select_target(state.objects, state.held_id)
        target_id = target.object_id if target else None
        position = target.position if target else None
        return TickResult(
            time_s=state.time_s,
            joint=self._encoder.measure(
                state.time_s,
                state.joint_position,
                state.joint_velocity,
                np.array(self._disturbances.joint_encoder_offset_rad),
            ),
            imu=imu,
            odom=OdomSample(state.time_s, state.base_pose, state.base_twist),
            camera=self._frames.pop(state.time_s),
            detection=self._detector.tick(state.time_s, position, target_id),
            planner=self._planned,
            truth=Truth(
                target_id=target_id,
                target_position=position,
                belt_speed_m_s=self.world.drive.speed_m_s,
                held_id=state.held_id,
                driver=driver,
            ),
        )

    def _read_imu(self) -> list[ImuSample]:
        """The sample that falls due in the last physics step, if one does.

        It is the mean over the steps since the one before, as a real IMU's low-pass gives. Its
        stamp is when it was due, which may lie within the step.
        """
        self._imu_readings.append(self.world.imu_truth())
        now, period_s = self.world.time_s, 1.0 / self.config.imu.rate_hz
        if not self._imu_clock.due(now):
            return []
        stamp_s = np.floor((now + 1e-6) / period_s) * period_s
        force, rate = (np.mean(part, axis=0) for part in zip(*self._imu_readings, strict=True))
        self._imu_readings.clear()
        return [
            self._imu.measure(
                float(stamp_s),
                force,
                rate,
                np.array(self._disturbances.imu_acceleration_bias_m_s2),
                np.array(self._disturbances.imu_angular_velocity_bias_rad_s),
            )
        ]

    def _take_frame(self) -> None:
        self.world.update_poses()
        rgb, depth = self._camera.render(
            self.world.data,
            self.world.base_transform() @ self._mounted_pose,
            light=self._light,
            belt_travel_m=self.world.drive.travel_m,
            depth_scale=self._disturbances.depth_scale,
            rng=self._camera_rng,
        )
        stamp_s = self.world.time_s
        latency_s = self.config.camera.latency_s + self._disturbances.camera_latency_s
        sample = CameraSample(stamp_s, rgb, depth, self._camera.matrix)
        self._frames.push(sample, stamp_s, latency_s)
