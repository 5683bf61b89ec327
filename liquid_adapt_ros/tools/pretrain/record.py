"""Recording episodes of the simulated cell: pictures as taken, other sensors as fusion sees them.

An episode is a folder of `rgb.npy` (uint8) and `depth_mm.npy` (uint16), which are read in place,
and `signals.npz` with everything else; see `Recording`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.fusion.joints import JointOrder
from liquid_adapt_ros.fusion.normalise import Normaliser
from liquid_adapt_ros.fusion.observation import IMU_CHANNELS, FusionConfig, Observer
from liquid_adapt_ros.sim.camera import mounted_pose
from liquid_adapt_ros.sim.disturbed_worlds import sample_disturbed
from liquid_adapt_ros.sim.episode import Episode
from liquid_adapt_ros.sim.planner import PlannerAction
from liquid_adapt_ros.sim.randomisation import sample_nominal, sample_scattered
from liquid_adapt_ros.sim.samples import Command, TickResult
from liquid_adapt_ros.sim.target import select_target
from liquid_adapt_ros.sim.ur5e import JOINT_NAMES
from liquid_adapt_ros.tools.in_process_fusion import TICK_S, observe
from liquid_adapt_ros.tools.pretrain.processes import in_processes
from liquid_adapt_ros.tools.pretrain.settings import DataSettings
from liquid_adapt_ros.tools.pretrain.stage import save_folder_atomically

ACTIONS = 9  # 6 joint velocities [rad/s], base linear [m/s] and angular [rad/s], gripper [0..1]
TRAINING, HELD_OUT, STARTS, WORLDS = 0, 1, 2, 3
TICK_SIGNALS = (
    "proprioception",
    "action",
    "target_id",
    "target",
    "second",
    "tool",
    "holding",
    "belt_speed",
)


@dataclass(frozen=True)
class Recording:
    """One episode of T ticks (100 Hz) and P pictures (30 Hz).

    Positions are in base_link [m]; NaN where there is none.

    Attributes:
        rgb, depth_mm: (P, H, W, 3) uint8, (P, H, W) uint16 [mm, 0: none].
        intrinsics: (3, 3) camera matrix [px].
        camera_pose: (4, 4) of the optical frame in base_link, mounting error and bump included.
        depth_scale: () by which the camera's depths, and with them its points, are too large.
        taken_tick: (P,) when a picture was taken, in ticks (it may lie between two).
        arrived_tick: (P,) tick in which it became available.
        proprioception: (T, 12) filtered IMU and joints, in their own units, as fusion makes them.
        action: (T, 9) what the planner wanted.
        target_id: (T,) id of the target, -1 for none.
        target, second: (T, 3) position of the target, and of the object that would be the target
            if it were not there.
        tool: (T, 3) position of the suction cup's lip.
        holding: (T,) whether the gripper holds an object.
        belt_speed: (T,) [m/s].
    """

    rgb: NDArray[np.uint8]
    depth_mm: NDArray[np.uint16]
    intrinsics: NDArray[np.float64]
    camera_pose: NDArray[np.float64]
    depth_scale: NDArray[np.float64]
    taken_tick: NDArray[np.float64]
    arrived_tick: NDArray[np.int64]
    proprioception: NDArray[np.float32]
    action: NDArray[np.float32]
    target_id: NDArray[np.int64]
    target: NDArray[np.float32]
    second: NDArray[np.float32]
    tool: NDArray[np.float32]
    holding: NDArray[np.bool_]
    belt_speed: NDArray[np.float32]

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        signals = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in ("rgb", "depth_mm"):
            np.save(folder / f"{name}.npy", signals.pop(name))
        np.savez(folder / "signals.npz", **signals)

    @classmethod
    def load(cls, folder: Path) -> Recording:
        """Read a folder; the pictures stay on the disk until they are looked at."""
        pictures = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("rgb", "depth_mm")
        }
        with np.load(folder / "signals.npz") as signals:
            return cls(**pictures, **signals)


def episode_rng(seed: int, role: int, index: int) -> np.random.Generator:
    """The generator that decides episode `index` of a role, TRAINING or one of the others."""
    return np.random.default_rng((seed, role, index))


def nominal_episode(rng: np.random.Generator) -> Episode:
    """An episode drawn from the nominal ranges."""
    return Episode(sample_nominal(rng), int(rng.integers(2**31)))


class ActionNoise:
    """Noise on the planner's velocities with a correlation time (Ornstein-Uhlenbeck)."""

    def __init__(self, settings: DataSettings, rng: np.random.Generator) -> None:
        self._rng = rng
        self._decay = np.exp(-TICK_S / settings.noise_time_s)
        sigma = [settings.noise_rad_s] * len(JOINT_NAMES) + [settings.noise_m_s, 0.0]
        self._fresh_sigma = np.sqrt(1.0 - self._decay**2) * np.array(sigma)
        self._value = np.zeros(len(sigma))

    def __call__(self, planned: PlannerAction) -> Command:
        """The planner's action with noise, as a command."""
        fresh = self._fresh_sigma * self._rng.standard_normal(len(self._value))
        self._value = self._decay * self._value + fresh
        joints, base = self._value[: len(JOINT_NAMES)], self._value[len(JOINT_NAMES) :]
        return Command(planned.joint_velocity + joints, planned.base_twist + base, planned.gripper)


class SensorRecorder:
    """Turns the ticks of an episode into a Recording."""

    def __init__(self) -> None:
        size = IMU_CHANNELS + len(JOINT_NAMES)
        neutral = Normaliser(np.zeros(size), np.ones(size))
        self._observer = Observer(neutral, len(JOINT_NAMES), FusionConfig())
        self._joint_order = JointOrder(JOINT_NAMES)
        self._pictures: dict[str, list] = {"rgb": [], "depth_mm": [], "taken": [], "arrived": []}
        self._ticks: dict[str, list] = {name: [] for name in TICK_SIGNALS}
        self._intrinsics = np.eye(3)

    def add(self, tick: TickResult, episode: Episode) -> None:
        """Take one tick and the truth of the moment from the episode."""
        now_ns = round(tick.time_s * NANOSECONDS)
        observe(self._observer, self._joint_order, tick, now_ns)
        if tick.camera is not None:
            self._add_picture(tick)
        state = episode.world.state()
        target = select_target(state.objects, state.held_id)
        rest = [item for item in state.objects if target is None or item is not target]
        second = select_target(rest, state.held_id)
        nowhere = np.full(3, np.nan)
        planned = tick.planner
        row = {
            "proprioception": self._observer.raw_features,
            "action": [*planned.joint_velocity, *planned.base_twist, planned.gripper],
            "target_id": -1 if target is None else target.object_id,
            "target": nowhere if target is None else target.position,
            "second": nowhere if second is None else second.position,
            "tool": state.tool_position,
            "holding": state.held_id is not None,
            "belt_speed": tick.truth.belt_speed_m_s,
        }
        for name, value in row.items():
            self._ticks[name].append(value)

    def _add_picture(self, tick: TickResult) -> None:
        camera = tick.camera
        self._intrinsics = camera.matrix
        self._pictures["rgb"].append(camera.rgb)
        self._pictures["depth_mm"].append(np.rint(camera.depth_m * 1000.0).astype(np.uint16))
        self._pictures["taken"].append(camera.stamp_s / TICK_S)
        self._pictures["arrived"].append(len(self._ticks["action"]))

    def finish(self, first_tick: float, episode: Episode) -> Recording:
        """The recording of an episode in which the camera stayed as it is now.

        `first_tick` is the time of the first tick added, in ticks.
        """
        disturbances = episode.disturbances
        exact = {"target_id": np.int64, "holding": np.bool_}
        ticks = {
            name: np.array(values, exact.get(name, np.float32))
            for name, values in self._ticks.items()
        }
        return Recording(
            rgb=np.array(self._pictures["rgb"]),
            depth_mm=np.array(self._pictures["depth_mm"]),
            intrinsics=np.array(self._intrinsics),
            camera_pose=mounted_pose(
                episode.config.camera,
                disturbances.camera_rotation_rad,
                disturbances.camera_translation_m,
            ),
            depth_scale=np.array(disturbances.depth_scale),
            taken_tick=np.array(self._pictures["taken"]) - first_tick,
            arrived_tick=np.array(self._pictures["arrived"], np.int64),
            **ticks,
        )


def disturbed_episode(rng: np.random.Generator) -> Episode:
    """An episode that is disturbed from its first instant on."""
    config, scenario = sample_disturbed(rng)
    return Episode(config, int(rng.integers(2**31)), scenario)


def record_episode(settings: DataSettings, rng: np.random.Generator) -> Recording:
    """Run one nominal episode with the planner driving, with noise for a share of episodes."""
    episode = nominal_episode(rng)
    _run_in(episode, settings, rng)
    return _record(episode, settings.episode_s, settings, rng)


def record_start(settings: DataSettings, rng: np.random.Generator) -> Recording:
    """Run one short episode with a scattered start, otherwise like `record_episode`."""
    episode = Episode(sample_scattered(rng), int(rng.integers(2**31)))
    return _record(episode, settings.start_s, settings, rng)


def record_world(settings: DataSettings, rng: np.random.Generator) -> Recording:
    """Run one disturbed episode, otherwise like `record_episode`."""
    episode = disturbed_episode(rng)
    _run_in(episode, settings, rng)
    return _record(episode, settings.world_s, settings, rng)


def _run_in(episode: Episode, settings: DataSettings, rng: np.random.Generator) -> None:
    """Let the planner work for a while, unseen, unless the episode is to start at switch-on."""
    if rng.random() < settings.fresh_share:
        return
    for _ in range(round(rng.uniform(0.0, settings.run_in_s) / TICK_S)):
        episode.tick(render=False)


def _record(
    episode: Episode, duration_s: float, settings: DataSettings, rng: np.random.Generator
) -> Recording:
    if rng.random() >= settings.noisy_share:
        return record_driven_by(lambda _: None, episode, duration_s)
    noise = ActionNoise(settings, rng)
    return record_driven_by(lambda tick: noise(tick.planner), episode, duration_s)


def record_driven_by(
    driver: Callable[[TickResult], Command | None], episode: Episode, duration_s: float
) -> Recording:
    """Run an episode in which `driver` answers each tick with the next one's command.

    None leaves the planner to drive; the supervisor watches over everybody else.
    """
    recorder, command, first_tick = SensorRecorder(), None, 0.0
    for index in range(round(duration_s / TICK_S)):
        tick = episode.tick(command)
        if index == 0:
            first_tick = tick.time_s / TICK_S
        recorder.add(tick, episode)
        command = driver(tick)
    return recorder.finish(first_tick, episode)


def episode_folders(folder: Path, settings: DataSettings) -> list[Path]:
    """Where the ordinary episodes lie."""
    return [folder / f"episode_{index:04d}" for index in range(settings.episodes)]


def start_folders(folder: Path, settings: DataSettings) -> list[Path]:
    """Where the short episodes with a scattered start lie."""
    return [folder / f"start_{index:04d}" for index in range(settings.starts)]


def world_folders(folder: Path, settings: DataSettings) -> list[Path]:
    """Where the disturbed episodes lie."""
    return [folder / f"world_{index:04d}" for index in range(settings.worlds)]


def record_all(
    folder: Path,
    settings: DataSettings,
    seed: int,
    workers: int,
    progress: Callable[[int], None],
) -> dict[str, int]:
    """Record the episodes that are missing; `progress` is called with the number that is there."""
    roles = (
        (record_episode, TRAINING, episode_folders(folder, settings)),
        (record_start, STARTS, start_folders(folder, settings)),
        (record_world, WORLDS, world_folders(folder, settings)),
    )
    recordings = {
        item: partial(record, settings, episode_rng(seed, role, index))
        for record, role, items in roles
        for index, item in enumerate(items)
    }
    record_missing(recordings, workers, progress)
    pictures = [len(Recording.load(item).rgb) for item in recordings]
    return {"pictures": int(np.sum(pictures))}


def record_missing(
    recordings: Mapping[Path, Callable[[], Recording]],
    workers: int,
    progress: Callable[[int], None],
) -> None:
    """Make the recordings whose folders are missing; `progress` gets the number that is there."""
    jobs = [
        partial(_record_to_disk, record, folder)
        for folder, record in recordings.items()
        if not folder.exists()
    ]
    done = len(recordings) - len(jobs)
    progress(done)
    for number, _ in enumerate(in_processes(jobs, workers), start=done + 1):
        progress(number)


def _record_to_disk(record: Callable[[], Recording], folder: Path) -> None:
    save_folder_atomically(folder, record().save)
