"""Power of x86 processors, from the energy that RAPL counts.

`energy_uj` counts [uJ] from 0 to `max_energy_range_uj` and starts again
(Documentation/ABI/testing/sysfs-class-powercap of Linux). Each intel-rapl:N whose `name` is
package-... is one processor, AMD's too; what is nested in it (core, uncore, dram) is part of it,
and psys is the platform around it (Documentation/power/powercap/powercap.rst). Since Linux 5.10
only root may read energy_uj (CVE-2020-8694).
"""

from collections.abc import Sequence
from pathlib import Path

from liquid_adapt_ros.adaptation.governor import sysfs
from liquid_adapt_ros.adaptation.governor.sensor import Sensor, SensorError

_MAX_COUNT = 2**64
# More than any board with processors of this kind takes: the counter was reset.
_MAX_POWER_W = 10_000.0


class Rapl:
    """Mean power of all packages since the reading before.

    Args:
        packages: folder of each package.
        names: what they are called.
    """

    def __init__(self, packages: Sequence[Path], names: Sequence[str]):
        self.description = f"RAPL {', '.join(names)}"
        self._packages = packages
        self._before: tuple[float, list[int]] | None = None

    def read(self, now_s: float) -> float:
        """Return the power [W]; raise SensorError if it can't be read or at the first reading.

        A counter that fell is taken to have wrapped around once: at 100 W that takes most of an
        hour.
        """
        counts = [sysfs.read_integer(p / "energy_uj", 0, _MAX_COUNT) for p in self._packages]
        before, self._before = self._before, (now_s, counts)
        if before is None or now_s <= before[0]:
            raise SensorError(f"{self.description} needs a second reading")
        spent_uj = 0
        for package, old, new in zip(self._packages, before[1], counts, strict=True):
            spent_uj += new - old
            if new < old:
                spent_uj += sysfs.read_integer(package / "max_energy_range_uj", 1, _MAX_COUNT)
        power_w = spent_uj * 1e-6 / (now_s - before[0])
        if not 0.0 <= power_w <= _MAX_POWER_W:
            raise SensorError(
                f"{self.description}: {power_w:.0f} W is not in 0 to {_MAX_POWER_W:.0f} W"
            )
        return power_w


def find_rapl(root: Path) -> Sensor | None:
    """All processor packages below the root; None where there is none."""
    packages, names = [], []
    for name_file in sysfs.find(root, "sys/class/powercap/intel-rapl:*/name"):
        try:
            name = sysfs.read_text(name_file)
        except SensorError:
            continue
        if name.startswith("package-"):
            packages.append(name_file.parent)
            names.append(name)
    return Rapl(packages, names) if packages else None
