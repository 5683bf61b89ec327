"""Asking a running Gazebo for something by its own command line, as few services are bridged."""

import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from math import cos, sin
from shutil import which

from liquid_adapt_ros.sim.gazebo_cell import Placement

# Name of the command line and of the message package, by simulator.
COMMANDS = {"harmonic": ("gz", "gz.msgs"), "fortress": ("ign", "ignition.msgs")}
ANSWER_TIMEOUT_MS = 2000
# The command line itself takes a second to start on a small machine.
CALL_TIMEOUT_S = 5.0


class PlacementService:
    """Calls Gazebo's set_pose in a thread of its own, one call at a time.

    Args:
        simulator: a key of COMMANDS. world: its name in the SDF.

    Raises:
        RuntimeError: Gazebo's command line is not there.
    """

    def __init__(self, simulator: str, world: str) -> None:
        self._program, self._messages = COMMANDS[simulator]
        if which(self._program) is None:
            raise RuntimeError(
                f"simulator = {simulator}: its command line {self._program!r} is not on the PATH"
            )
        self._world = world
        self._pool = ThreadPoolExecutor(1, "gazebo_service")
        self._calls: list[Future[str]] = []

    def place(self, placement: Placement) -> Future[str]:
        """Ask for an object to be put somewhere; the future says why it failed, or nothing."""
        self._calls.append(self._pool.submit(self._call, placement))
        return self._calls[-1]

    def take_failures(self) -> list[str]:
        """Why calls that have ended since the last look failed."""
        ended = [call for call in self._calls if call.done()]
        self._calls = [call for call in self._calls if not call.done()]
        return [call.result() for call in ended if call.result()]

    def close(self) -> None:
        """Wait for the call under way and drop the others."""
        self._pool.shutdown(cancel_futures=True)

    def command(self, placement: Placement) -> list[str]:
        """The command line of one call."""
        x, y, z = placement.position.tolist()
        half = 0.5 * placement.yaw_rad
        request = (
            f'name: "{placement.name}", position: {{x: {x:.6f}, y: {y:.6f}, z: {z:.6f}}}, '
            f"orientation: {{z: {sin(half):.9f}, w: {cos(half):.9f}}}"
        )
        return [
            *(self._program, "service", "-s", f"/world/{self._world}/set_pose"),
            *("--reqtype", f"{self._messages}.Pose", "--reptype", f"{self._messages}.Boolean"),
            *("--timeout", str(ANSWER_TIMEOUT_MS), "--req", request),
        ]

    def _call(self, placement: Placement) -> str:
        try:
            done = subprocess.run(
                self.command(placement), capture_output=True, text=True, timeout=CALL_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{placement.name}: {error}"
        if done.returncode == 0 and "data: true" in done.stdout:
            return ""
        said = " ".join(f"{done.stdout} {done.stderr}".split()) or f"exit code {done.returncode}"
        return f"{placement.name}: {said}"
