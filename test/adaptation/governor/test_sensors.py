import math
import subprocess
import sys
import time

import pytest

from liquid_adapt_ros.adaptation.governor.sensor import Reading, measure
from liquid_adapt_ros.adaptation.governor.sensors import find_sensors

JETSON = {
    "sys/bus/i2c/drivers/ina3221x/7-0040/iio:device0/rail_name_0": "VDD_IN",
    "sys/bus/i2c/drivers/ina3221x/7-0040/iio:device0/in_power0_input": 6100,
    "sys/class/thermal/thermal_zone0/type": "CPU-therm",
    "sys/class/thermal/thermal_zone0/temp": 48500,
    "sys/devices/gpu.0/load": 120,
}


def test_a_jetson_has_all_sensors(machine):
    sensors = find_sensors(machine(JETSON))
    assert measure(sensors.power, 0.0).value == pytest.approx(6.1)
    assert measure(sensors.temperature, 0.0).value == pytest.approx(48.5)
    assert measure(sensors.gpu_share, 0.0).value == pytest.approx(0.12)


def test_an_empty_machine_says_what_it_lacks(machine):
    sensors = find_sensors(machine({}))
    for sensor, reason in (
        (sensors.power, "no power sensor"),
        (sensors.temperature, "no temperature sensor"),
        (sensors.gpu_share, "no GPU load"),
    ):
        reading = measure(sensor, 0.0)
        assert math.isnan(reading.value)
        assert reading.reason == reason


def test_a_value_that_is_not_finite_is_none():
    class Broken:
        description = "meter"

        def read(self, now_s):
            return math.inf

    reading = measure(Broken(), 0.0)
    assert math.isnan(reading.value)
    assert reading.reason == "meter reads inf"


def test_this_machine_tells_plausible_values_or_why_not():
    sensors = find_sensors()
    for sensor in vars(sensors).values():
        measure(sensor, 0.0)
    started_s = time.process_time()
    while time.process_time() - started_s < 0.02:
        pass
    ranges = {
        "power": (0.0, 10_000.0),
        "temperature": (-40.0, 150.0),
        "cpu_share": (0.02, 10_000.0),
        "gpu_share": (0.0, 1.0),
    }
    for name, (low, high) in ranges.items():
        reading = measure(getattr(sensors, name), 1.0)
        if reading.reason:
            assert name != "cpu_share"
            assert math.isnan(reading.value)
        else:
            assert low <= reading.value <= high
            assert reading == Reading(reading.value, "")


def test_nothing_but_the_standard_library_is_imported():
    script = (
        "import sys, liquid_adapt_ros.adaptation.governor.governor; "
        "sys.exit(bool({'torch', 'numpy', 'rclpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
