import os

import pytest

from liquid_adapt_ros.adaptation.governor.sensor import SensorError
from liquid_adapt_ros.adaptation.governor.temperature import find_hottest_zone

THERMAL = "sys/class/thermal"


def zones(**temp_by_type: object) -> dict[str, object]:
    """A tree of thermal zones; `_` in a name stands for `-`."""
    files = {}
    for number, (name, temp) in enumerate(temp_by_type.items()):
        files[f"{THERMAL}/thermal_zone{number}/type"] = name.replace("_", "-")
        files[f"{THERMAL}/thermal_zone{number}/temp"] = temp
    return files


def test_nano_tells_its_hottest_part_and_not_what_its_power_chip_makes_up(machine):
    board = zones(
        AO_therm=41500,
        CPU_therm=34000,
        GPU_therm=35500,
        PLL_therm=33000,
        PMIC_Die=100000,
        thermal_fan_est=36000,
    )
    sensor = find_hottest_zone(machine(board))
    assert sensor.description == "thermal zones CPU-therm, GPU-therm"
    assert sensor.read(0.0) == pytest.approx(35.5)


@pytest.mark.parametrize(
    "name", ["BCPU-therm", "MCPU-therm", "cpu-thermal", "soc2-thermal", "tj-thermal"]
)
def test_the_zones_of_other_boards_count(machine, name):
    assert find_hottest_zone(machine(zones(**{name: 61234}))).read(0.0) == pytest.approx(61.234)


def test_the_package_of_an_intel_processor_counts_and_other_zones_do_not(machine):
    root = machine(zones(acpitz=27800, pch=95000, iwlwifi=90000))
    folder = f"{THERMAL}/thermal_zone9"
    machine({f"{folder}/type": "x86_pkg_temp", f"{folder}/temp": 52000})
    assert find_hottest_zone(root).read(0.0) == pytest.approx(52.0)


@pytest.mark.parametrize("nonsense", [-256000, 900000, "offline", "", "1" * 100])
def test_a_zone_that_reads_nonsense_counts_for_nothing(machine, nonsense):
    sensor = find_hottest_zone(machine(zones(cpu_thermal=45000, gpu_thermal=nonsense)))
    assert sensor.read(0.0) == pytest.approx(45.0)


def test_a_zone_that_is_switched_off_counts_for_nothing(machine):
    """It answers EAGAIN, as a pipe does to which nobody has written."""
    root = machine(zones(cpu_thermal=45000, gpu_thermal=0))
    temp = root / f"{THERMAL}/thermal_zone1/temp"
    temp.unlink()
    os.mkfifo(temp)
    silent_writer = os.open(temp, os.O_RDWR)
    try:
        assert find_hottest_zone(root).read(0.0) == pytest.approx(45.0)
    finally:
        os.close(silent_writer)


def test_no_zone_that_tells_is_a_sensor_error_with_a_reason(machine):
    sensor = find_hottest_zone(machine(zones(cpu_thermal=-256000, gpu_thermal=0)))
    machine(zones(cpu_thermal=-256000, gpu_thermal=200000))
    with pytest.raises(SensorError, match="thermal_zone0/temp: -256000 is not in"):
        sensor.read(0.0)


def test_a_machine_without_such_zones_has_no_such_sensor(machine):
    assert find_hottest_zone(machine(zones(PMIC_Die=100000))) is None
