"""Power of a Jetson's input rail, measured by its INA3221.

NVIDIA's own driver (JetPack 4) names each channel in `rail_name_N` and tells its power in
`in_powerN_input` [mW]: "Power Management for Jetson Nano and Jetson TX1 Devices", section
Software-Based Power Consumption Modeling, Jetson Linux Developer Guide 32.7. The kernel's driver
(JetPack 5 and 6) names it in `inN_label` and tells voltage in `inN_input` [mV] and current in
`currN_input` [mA]: Documentation/hwmon/ina3221.rst of Linux.

Only the rail that feeds the whole module counts; the others are parts of it (jetson_stats issue
51). It is VDD_IN on Xavier NX, Orin NX, Orin Nano and TX2, POM_5V_IN on the Nano. The AGX modules
have no such rail.
"""

from pathlib import Path

from liquid_adapt_ros.adaptation.governor import sysfs
from liquid_adapt_ros.adaptation.governor.sensor import Absent, Sensor, SensorError

INPUT_RAILS = ("VDD_IN", "POM_5V_IN")

_IIO_NAMES = "sys/bus/i2c/drivers/ina3221x/*/iio[:_]device*/rail_name_*"
_HWMON_NAMES = "sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/in*_label"
# The chip measures up to 26 V; more than 100 A or 1 kW no Jetson takes.
_MAX_VOLTAGE_MV, _MAX_CURRENT_MA, _MAX_POWER_MW = 26_000, 100_000, 1_000_000


class IioRail:
    """One rail, as NVIDIA's driver of JetPack 4 tells it."""

    def __init__(self, name_file: Path, rail: str):
        channel = name_file.name.removeprefix("rail_name_")
        self.description = f"INA3221 {rail}"
        self._power_mw = name_file.with_name(f"in_power{channel}_input")

    def read(self, now_s: float) -> float:
        """Return the power [W]; raise SensorError if it can't be read."""
        return sysfs.read_integer(self._power_mw, 0, _MAX_POWER_MW) * 1e-3


class HwmonRail:
    """One rail, as the kernel's driver tells it."""

    def __init__(self, name_file: Path, rail: str):
        channel = name_file.name.removeprefix("in").removesuffix("_label")
        self.description = f"INA3221 {rail}"
        self._voltage_mv = name_file.with_name(f"in{channel}_input")
        self._current_ma = name_file.with_name(f"curr{channel}_input")

    def read(self, now_s: float) -> float:
        """Return the power [W]; raise SensorError if it can't be read."""
        voltage_mv = sysfs.read_integer(self._voltage_mv, 0, _MAX_VOLTAGE_MV)
        current_ma = sysfs.read_integer(self._current_ma, 0, _MAX_CURRENT_MA)
        return voltage_mv * current_ma * 1e-6


def find_ina3221(root: Path) -> Sensor | None:
    """The input rail of the Jetson below the root; None where there is no INA3221."""
    others = []
    for pattern, kind in ((_IIO_NAMES, IioRail), (_HWMON_NAMES, HwmonRail)):
        for name_file in sysfs.find(root, pattern):
            try:
                rail = sysfs.read_text(name_file)
            except SensorError:
                continue
            if rail in INPUT_RAILS:
                return kind(name_file, rail)
            others.append(rail)
    if not others:
        return None
    wanted = " or ".join(INPUT_RAILS)
    return Absent(f"INA3221 without an input rail ({wanted}): it has {', '.join(others)}")
