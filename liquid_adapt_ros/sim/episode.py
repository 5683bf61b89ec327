"""One episode: world, sensors, teacher and supervisor, advanced together in ticks of 10 ms."""

from collections.abc import Sequence

import numpy as np

from liquid_adapt_ros.sim.belt_texture import BeltTexture
from liquid_adapt_ros.sim.camera import RayCamera
from liquid_adapt_ros.sim.config import ConfigError, EpisodeConfig
from liquid_adapt_ros.sim.depth_noise import DepthNoise
from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.latency import SampleClock
from liquid_adapt_ros.sim.mjcf_elements import VISIBLE_GROUP
from liquid_adapt_ros.sim.photographer import Photographer
from liquid_adapt_ros.sim.planner import Planner, PlannerAction
from liquid_adapt_ros.sim.robot_sensors import RobotSensors
from liquid_adapt_ros.sim.samples import Command, Counters, OdomSample, TickResult, Truth
from liquid_adapt_ros.sim.scenario import Scenario
from liquid_adapt_ros.sim.sensors import ImuSample, PoseDetector
from liquid_adapt_ros.sim.supervisor import PickLedger, Supervisor
from liquid_adapt_ros.sim.target import select_target
from liquid_adapt_ros.sim.world import ConveyorWorld, WorldState

STEPS_PER_TICK = 5
# What disturbs the world itself, not only how it is seen.
WORLD_DISTURBANCES = ("belt_speed_scale", "payload_mass_kg")


class Episode:
    """The whole simulated robot at work; deterministic for config, seed, scenario and commands.

    It may have twins: robots of which only what they measure with is disturbed otherwise. As long
    as nobody drives by what they measure, all of them go through the same world, and what they
    measure is what each would have measured in an episode of its own.
    """

    def __init__(
        self,
        config: EpisodeConfig,
        seed: int,
        scenario: Scenario | None = None,
        twins: Sequence[Scenario] = (),
    ) -> None:
        """Build the world.

        Args:
            config: nominal conditions; the scenario's overrides are applied to it.
            seed: of every random stream; streams are separate, so that leaving out pictures does
                not change what happens.
            scenario: disturbances over time; None for none.
            twins: of the robot's twins. Raises ConfigError for one whose world differs.
        """
        scenario = scenario or Scenario()
        self._scenarios = [scenario, *twins]
        self.config = scenario.episode_config(config)
        for twin in twins:
            _require_same_world(scenario, twin)
        world, imu, encoder, detector, camera = np.random.SeedSequence(seed).spawn(5)
        self.world = ConveyorWorld(self.config, np.random.default_rng(world))
        self._imu_clock = SampleClock(self.config.imu.rate_hz)
        self._imu_clock.due(0.0)  # the first sample ends the first period
        self._imu_readings: list[tuple[np.ndarray, np.ndarray]] = []
        self._detector = PoseDetector(self.config.detector, np.random.default_rng(detector))
        self._photographer = Photographer(self._build_camera(), np.random.default_rng(camera))
        self._camera_clock = SampleClock(self.config.camera.rate_hz)
        self._robots = [
            RobotSensors(
                self.config,
                item.disturbances_at(0.0),
                np.random.default_rng(imu),
                np.random.default_rng(encoder),
            )
            for item in self._scenarios
        ]
        self._planner = Planner()
        self._supervisor = Supervisor(self.config.supervisor)
        self._ledger = PickLedger()
        self._explicit: Disturbances | None = None
        self._disturb_world()
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
        return self._robots[0].disturbances

    @disturbances.setter
    def disturbances(self, value: Disturbances | None) -> None:
        self._explicit = value
        self._follow_scenarios()

    def follow(self, scenario: Scenario) -> None:
        """Let another scenario's disturbances come from now on; it has the same nominal world.

        Raises ConfigError where that differs.
        """
        if scenario.nominal != self._scenarios[0].nominal:
            raise ConfigError(f"scenario {scenario.name!r} begins in another world")
        self._scenarios[0] = scenario
        self._follow_scenarios()

    def _follow_scenarios(self) -> None:
        for robot, scenario in zip(self._robots, self._scenarios, strict=True):
            holds = scenario.disturbances_at(self.world.time_s)
            if robot is self._robots[0] and self._explicit is not None:
                holds = self._explicit
            if holds is not robot.disturbances and holds != robot.disturbances:
                robot.use(holds)
        self._disturb_world()

    def _disturb_world(self) -> None:
        self.world.belt_speed_scale = self.disturbances.belt_speed_scale
        self.world.set_payload(self.disturbances.payload_mass_kg)

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
        return self.tick_all(command, render=render)[0]

    def tick_all(self, command: Command | None = None, *, render: bool = True) -> list[TickResult]:
        """The same, and what the twins have measured beside what the robot has."""
        self._follow_scenarios()
        planned = self._planned
        driver = self._supervisor.driver(self.world.time_s, command, planned)
        action = command if driver == "policy" else planned
        self.world.apply(action.joint_velocity, action.base_twist, action.gripper)
        imu: list[list[ImuSample]] = [[] for _ in self._robots]
        for _ in range(STEPS_PER_TICK):
            self.world.step()
            self._read_imu(imu)
            if self._camera_clock.due(self.world.time_s) and render:
                for robot in self._robots:
                    robot.take_frame(self.world, self._photographer)
        self.world.refresh()
        state = self.world.state()
        self._ledger.tick(driver, planned, state.held_id)
        self._ledger.settle(*self.world.take_finished())
        self._planned = self._planner.step(state)
        return self._results(state, imu, driver)

    def _results(
        self, state: WorldState, imu: list[list[ImuSample]], driver: str
    ) -> list[TickResult]:
        target = select_target(state.objects, state.held_id)
        target_id = target.object_id if target else None
        position = target.position if target else None
        odom = OdomSample(state.time_s, state.base_pose, state.base_twist)
        detection = self._detector.tick(state.time_s, position, target_id)
        truth = Truth(
            target_id=target_id,
            target_position=position,
            belt_speed_m_s=self.world.drive.speed_m_s,
            held_id=state.held_id,
            driver=driver,
        )
        return [
            TickResult(
                time_s=state.time_s,
                joint=robot.read_joints(state),
                imu=samples,
                odom=odom,
                camera=robot.available_frame(state.time_s),
                detection=detection,
                planner=self._planned,
                truth=truth,
            )
            for robot, samples in zip(self._robots, imu, strict=True)
        ]

    def _read_imu(self, samples: list[list[ImuSample]]) -> None:
        """Add the samples that fall due in the last physics step, if they do.

        Each is the mean over the steps since the one before, as a real IMU's low-pass gives. Its
        stamp is when it was due, which may lie within the step.
        """
        self._imu_readings.append(self.world.imu_truth())
        now, period_s = self.world.time_s, 1.0 / self.config.imu.rate_hz
        if not self._imu_clock.due(now):
            return
        stamp_s = float(np.floor((now + 1e-6) / period_s) * period_s)
        force, rate = (np.mean(part, axis=0) for part in zip(*self._imu_readings, strict=True))
        self._imu_readings.clear()
        for robot, its_samples in zip(self._robots, samples, strict=True):
            its_samples.append(robot.read_imu(stamp_s, force, rate))


def _require_same_world(scenario: Scenario, twin: Scenario) -> None:
    """Raise ConfigError where a twin's belt or arm would ever move otherwise."""
    if twin.nominal != scenario.nominal:
        raise ConfigError(f"scenario {twin.name!r} begins in another world")
    for change in (*scenario.changes, *twin.changes):
        both = [item.disturbances_at(change.at_s) for item in (scenario, twin)]
        for name in WORLD_DISTURBANCES:
            ours, others = (getattr(item, name) for item in both)
            if ours != others:
                raise ConfigError(
                    f"scenario {twin.name!r}: {name} = {others} at {change.at_s} s, but it is "
                    f"{ours} in {scenario.name!r}"
                )
