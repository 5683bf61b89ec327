"""The hottest thermal zone of CPU, GPU and SoC.

A zone tells its name in `type` and its temperature in `temp` [millidegree Celsius]
(Documentation/driver-api/thermal/sysfs-api.rst of Linux). Names that count: CPU-therm and
GPU-therm (Jetson Nano, Xavier), BCPU-therm and MCPU-therm (TX2), cpu-thermal, gpu-thermal,
soc0-thermal and tj-thermal (Orin), x86_pkg_temp (Intel), cpu-thermal and soc-thermal (other ARM
boards). Left out with all the rest is PMIC-Die: it reads 100 degC unless the power chip is above
120 degC, because max77620 tells no more than that (drivers/thermal/max77620_thermal.c of Linux;
NVIDIA in forums.developer.nvidia.com/t/121300).

A zone whose block is switched off can't be read, or reads -256 degC (jetson_stats issue 350): it
counts for nothing as long as another one tells.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from liquid_adapt_ros.adaptation.governor import sysfs
from liquid_adapt_ros.adaptation.governor.sensor import Sensor, SensorError

_COUNTS = re.compile(r"(^|[-_])([bm]?cpu|gpu|soc|tj|pkg)[0-9]*([-_]|$)", re.IGNORECASE)
# Outside of it no such chip works.
_LOW_MC, _HIGH_MC = -40_000, 150_000


class HottestZone:
    """The hottest of some thermal zones.

    Args:
        zones: folder of each zone, at least one.
        names: what they are called.
    """

    def __init__(self, zones: Sequence[Path], names: Sequence[str]):
        self.description = f"thermal zones {', '.join(names)}"
        self._zones = zones

    def read(self, now_s: float) -> float:
        """Return the temperature [degC]; raise SensorError if no zone tells a plausible one."""
        told_mc, failures = [], []
        for zone in self._zones:
            try:
                told_mc.append(sysfs.read_integer(zone / "temp", _LOW_MC, _HIGH_MC))
            except SensorError as error:
                failures.append(str(error))
        if not told_mc:
            raise SensorError(failures[0])
        return max(told_mc) * 1e-3


def find_hottest_zone(root: Path) -> Sensor | None:
    """The zones of CPU, GPU and SoC below the root; None where there is none."""
    zones, names = [], []
    for name_file in sysfs.find(root, "sys/class/thermal/thermal_zone*/type"):
        try:
            name = sysfs.read_text(name_file)
        except SensorError:
            continue
        if _COUNTS.search(name):
            zones.append(name_file.parent)
            names.append(name)
    return HottestZone(zones, names) if zones else None
