"""How busy this process keeps the CPU, and how busy a Jetson's GPU is.

The GPU's `load` is in per mille of all its time, whoever uses it (read so by jetson_stats,
jtop/core/gpu.py). It lies at gpu.0 on Nano, TX2 and Xavier, at platform/gpu.0 on Orin, and on all
of them behind the GPU's entry in devfreq, which is named for its address and chip.
"""

import time
from collections.abc import Callable
from pathlib import Path

from liquid_adapt_ros.adaptation.governor import sysfs
from liquid_adapt_ros.adaptation.governor.sensor import Sensor, SensorError

_GPU_LOADS = (
    "sys/devices/gpu.0/load",
    "sys/devices/platform/gpu.0/load",
    "sys/class/devfreq/*.gpu/device/load",
    "sys/class/devfreq/*.g[apv]1*b/device/load",
)


class ProcessCpuShare:
    """Processor time of this process, all threads, per time since the reading before.

    Args:
        cpu_time_s: processor time since some start [s].
    """

    description = "CPU share of this process"

    def __init__(self, cpu_time_s: Callable[[], float] = time.process_time):
        self._cpu_time_s = cpu_time_s
        self._before: tuple[float, float] | None = None

    def read(self, now_s: float) -> float:
        """Return the share of one core (2: two cores); raise SensorError at the first reading."""
        used_s = self._cpu_time_s()
        before, self._before = self._before, (now_s, used_s)
        if before is None or now_s <= before[0]:
            raise SensorError(f"{self.description} needs a second reading")
        return (used_s - before[1]) / (now_s - before[0])


class GpuLoad:
    """Share of its time that the GPU was busy."""

    description = "GPU load"

    def __init__(self, load: Path):
        self._load = load

    def read(self, now_s: float) -> float:
        """Return the share, 0 to 1; raise SensorError if it can't be read."""
        return sysfs.read_integer(self._load, 0, 1000) * 1e-3


def find_gpu_load(root: Path) -> Sensor | None:
    """The load of the Jetson's GPU below the root; None where there is none."""
    for pattern in _GPU_LOADS:
        for load in sysfs.find(root, pattern):
            return GpuLoad(load)
    return None
