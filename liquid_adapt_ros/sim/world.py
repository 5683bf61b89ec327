"""The conveyor world in MuJoCo: what is commanded goes in, what is true comes out."""

from dataclasses import dataclass

import mujoco
import numpy as np

from liquid_adapt_ros.sim import mjcf, robot, ur5e
from liquid_adapt_ros.sim.belt import BeltDrive, belt_profile, lies_on_belt
from liquid_adapt_ros.sim.config import EpisodeConfig
from liquid_adapt_ros.sim.objects import ObjectPool, ObjectState, Spawner
from liquid_adapt_ros.sim.suction import Suction

SETTLING_STEPS = 100
LOST_BELOW_Z_M = 0.30
LOST_AFTER_S = 2.0
IN_BIN_S = 0.6  # an object rests in the bin for so long before it is taken away


@dataclass(frozen=True)
class WorldState:
    """The truth at one instant, positions in base_link.

    base_pose: (x, y, yaw) in odom. base_twist: (forward m/s, yaw rad/s).
    tool_position: lip of the suction cup, (3,) m.
    belt_velocity: of the belt's surface as seen from base_link, (3,) m/s.
    """

    time_s: float
    joint_position: np.ndarray
    joint_velocity: np.ndarray
    base_pose: np.ndarray
    base_twist: np.ndarray
    tool_position: np.ndarray
    objects: tuple[ObjectState, ...]
    belt_velocity: np.ndarray
    held_id: int | None


class ConveyorWorld:
    """Belt, objects, mobile base, arm and suction; deterministic for a config and a generator."""

    def __init__(self, config: EpisodeConfig, rng: np.random.Generator) -> None:
        self.model = mujoco.MjModel.from_xml_string(mjcf.world_xml())
        self.data = mujoco.MjData(self.model)
        self._step_count = 0
        self._find_addresses()
        self.data.qpos[self._arm_qpos] = config.arm.start_rad
        self.profile = belt_profile(config.belt, rng)
        self.drive = BeltDrive(self.profile.speed(0.0))
        self.belt_speed_scale = 1.0
        self.pool = ObjectPool(self.model, self.data)
        self.suction = Suction(self.model, self.data, self.pool)
        self._spawner = Spawner(config.objects, rng)
        self._payload_kg = 0.0
        self._binned_at_s: dict[int, float] = {}
        self._off_belt_since_s: dict[int, float] = {}
        self._binned: list[int] = []
        self._lost: list[int] = []
        for _ in range(SETTLING_STEPS):
            mujoco.mj_step(self.model, self.data)
        self.data.time = 0.0
        self._spawner.fill(self.pool, self.drive.speed_m_s)
        self.refresh()

    def _find_addresses(self) -> None:
        model = self.model
        joints = [model.joint(name) for name in ur5e.JOINT_NAMES]
        self._arm_qpos = np.array([joint.qposadr[0] for joint in joints])
        self._arm_dof = np.array([joint.dofadr[0] for joint in joints])
        base, belt = model.joint("base"), model.joint("belt")
        self._base_qpos, self._base_dof = base.qposadr[0], base.dofadr[0]
        self._belt_qpos, self._belt_dof = belt.qposadr[0], belt.dofadr[0]
        self._base_body = model.body("base_link").id
        self._tool_site = model.site("tool").id
        self._payload_body = model.body("payload").id

    # --- commands ---------------------------------------------------------------------------

    def apply(self, joint_velocity: np.ndarray, base_twist: np.ndarray, gripper: float) -> None:
        """Set what the servos aim for until the next call.

        Args:
            joint_velocity: (6,) rad/s, cut to the arm's limit.
            base_twist: (2,) forward m/s and yaw rad/s. gripper: suction on above 0.5.
        """
        limit = ur5e.MAX_VELOCITY_RAD_S[0]
        self.data.ctrl[:6] = np.clip(joint_velocity, -limit, limit)
        forward, yaw = base_twist
        turn = 0.5 * yaw * robot.WHEEL_TRACK_M
        self.data.ctrl[6] = (forward - turn) / robot.WHEEL_RADIUS_M
        self.data.ctrl[7] = (forward + turn) / robot.WHEEL_RADIUS_M
        self.suction.switch(gripper > 0.5)

    def set_payload(self, mass_kg: float) -> None:
        """Hang an extra mass on the tool; the arm's gravity compensation does not know of it."""
        if mass_kg == self._payload_kg:
            return
        self._payload_kg = mass_kg
        mass = max(mass_kg, 1e-6)
        self.model.body_mass[self._payload_body] = mass
        self.model.body_inertia[self._payload_body] = 0.4 * mass * 0.04**2
        self.pool.update_constants()

    # --- time -------------------------------------------------------------------------------

    @property
    def time_s(self) -> float:
        """Simulated time since the start."""
        return self._step_count * mjcf.TIMESTEP_S

    def step(self) -> None:
        """One physics step. Poses in data are those of its start until refresh() is called."""
        set_point = self.profile.speed(self.time_s) * self.belt_speed_scale
        self.drive.step(set_point, mjcf.TIMESTEP_S)
        self.data.qpos[self._belt_qpos] = 0.0
        self.data.qvel[self._belt_dof] = self.drive.speed_m_s
        mujoco.mj_step(self.model, self.data)
        self._step_count += 1
        self.suction.step()

    def refresh(self) -> None:
        """Let objects enter and leave, then bring poses up to date with the last step."""
        self._recycle()
        self._spawner.step(self.pool, self.drive.travel_m, self.drive.speed_m_s)
        self.update_poses()

    def update_poses(self) -> None:
        """Bring poses in data up to date with the last step."""
        self.data.qpos[self._belt_qpos] = 0.0
        mujoco.mj_kinematics(self.model, self.data)

    def take_finished(self) -> tuple[list[int], list[int]]:
        """Ids of the objects binned and lost since the last call."""
        finished = (self._binned, self._lost)
        self._binned, self._lost = [], []
        return finished

    def _recycle(self) -> None:
        """Note objects that lie in the bin or are lost, and take them out of the scene."""
        for slot in self.pool.active_slots():
            if slot == self.suction.held_slot:
                continue
            object_id, position = self.pool.object_id[slot], self.pool.position(slot)
            if object_id in self._binned_at_s:
                if self.time_s - self._binned_at_s[object_id] > IN_BIN_S:
                    del self._binned_at_s[object_id]
                    self.pool.park(slot)
            elif self._in_bin(position):
                self._binned_at_s[object_id] = self.time_s
                self._off_belt_since_s.pop(object_id, None)
                self._binned.append(object_id)
            elif position[0] > mjcf.BELT_X_M[1] or self._fell(slot):
                self._lost.append(object_id)
                self.pool.park(slot)

    def _fell(self, slot: int) -> bool:
        """Whether an object lies on the floor, or hangs about off the belt for long."""
        object_id = self.pool.object_id[slot]
        if self._on_belt(slot):
            self._off_belt_since_s.pop(object_id, None)
            return False
        since_s = self._off_belt_since_s.setdefault(object_id, self.time_s)
        fell = self.pool.position(slot)[2] < LOST_BELOW_Z_M or self.time_s - since_s > LOST_AFTER_S
        if fell:
            del self._off_belt_since_s[object_id]
        return fell

    def _in_bin(self, position: np.ndarray) -> bool:
        if position[2] > robot.BIN_RIM_Z_M:
            return False
        offset = self.to_base(position)[:2] - robot.BIN_CENTRE_M
        return bool(np.all(np.abs(offset) < robot.BIN_HALF_SIZE_M))

    # --- truth ------------------------------------------------------------------------------

    def base_transform(self) -> np.ndarray:
        """Pose (4, 4) of base_link in the world."""
        pose = np.eye(4)
        pose[:3, :3] = self.data.xmat[self._base_body].reshape(3, 3)
        pose[:3, 3] = self.data.xpos[self._base_body]
        return pose

    def to_base(self, position: np.ndarray) -> np.ndarray:
        """A point (3,) from the world into base_link."""
        rotation = self.data.xmat[self._base_body].reshape(3, 3)
        return (position - self.data.xpos[self._base_body]) @ rotation

    def imu_truth(self) -> tuple[np.ndarray, np.ndarray]:
        """Specific force and angular velocity (3,) of the chassis as the last step began."""
        return self.data.sensordata[:3].copy(), self.data.sensordata[3:6].copy()

    def objects(self) -> tuple[ObjectState, ...]:
        """All objects in the scene, positions in base_link."""
        return tuple(
            ObjectState(
                self.pool.object_id[slot],
                self.to_base(self.pool.position(slot)),
                self.pool.half_height_m[slot],
                self._on_belt(slot),
            )
            for slot in self.pool.active_slots()
        )

    def _on_belt(self, slot: int) -> bool:
        return lies_on_belt(self.pool.position(slot), self.pool.half_height_m[slot])

    def state(self) -> WorldState:
        """The truth now; call refresh() first."""
        data, qpos, dof = self.data, self._base_qpos, self._base_dof
        rotation = data.xmat[self._base_body].reshape(3, 3)
        yaw = float(np.arctan2(rotation[1, 0], rotation[0, 0]))
        linear = data.qvel[dof : dof + 3] @ rotation
        yaw_rate = float(data.qvel[dof + 5])
        objects = self.objects()
        belt = np.array((self.drive.speed_m_s, 0.0, 0.0)) @ rotation - linear
        return WorldState(
            time_s=self.time_s,
            joint_position=data.qpos[self._arm_qpos],
            joint_velocity=data.qvel[self._arm_dof],
            base_pose=np.array((data.qpos[qpos], data.qpos[qpos + 1], yaw)),
            base_twist=np.array((linear[0], yaw_rate)),
            tool_position=self.to_base(data.site_xpos[self._tool_site]),
            objects=objects,
            belt_velocity=belt,
            held_id=self.suction.held_id,
        )
