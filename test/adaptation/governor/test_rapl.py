import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.governor.rapl import Rapl, find_rapl
from liquid_adapt_ros.adaptation.governor.sensor import SensorError

POWERCAP = "sys/class/powercap"
RANGE_UJ = 262_143_328_850


def zone(number: str, name: str, energy_uj: int) -> dict[str, object]:
    folder = f"{POWERCAP}/intel-rapl:{number}"
    return {
        f"{folder}/name": name,
        f"{folder}/energy_uj": energy_uj,
        f"{folder}/max_energy_range_uj": RANGE_UJ,
    }


def test_power_is_the_energy_of_the_packages_over_the_time_between_readings(machine):
    other = zone("0:0", "core", 5) | zone("0:1", "dram", 5) | zone("2", "psys", 5)
    root = machine(zone("0", "package-0", 1_000_000) | zone("1", "package-1", 0) | other)
    sensor = find_rapl(root)
    assert sensor.description == "RAPL package-0, package-1"
    with pytest.raises(SensorError, match="second reading"):
        sensor.read(10.0)
    machine(zone("0", "package-0", 41_000_000) | zone("1", "package-1", 20_000_000))
    assert sensor.read(12.0) == pytest.approx(30.0)
    assert sensor.read(13.0) == 0.0


@settings(deadline=None)  # files
@given(
    start_uj=st.integers(0, RANGE_UJ - 1),
    steps=st.lists(
        st.tuples(st.integers(0, 500_000_000), st.floats(0.1, 10.0)), min_size=1, max_size=5
    ),
)
def test_a_counter_that_wraps_around_counts_on(start_uj, steps):
    with tempfile.TemporaryDirectory() as folder:
        counter = Path(folder, "energy_uj")
        counter.write_text(f"{start_uj}\n")
        Path(folder, "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
        sensor = Rapl([Path(folder)], ["package-0"])
        with pytest.raises(SensorError):
            sensor.read(0.0)
        now_s, energy_uj = 0.0, start_uj
        for spent_uj, elapsed_s in steps:
            energy_uj = (energy_uj + spent_uj) % RANGE_UJ
            counter.write_text(f"{energy_uj}\n")
            before_s, now_s = now_s, now_s + elapsed_s
            assert sensor.read(now_s) == pytest.approx(spent_uj * 1e-6 / (now_s - before_s))


def test_a_counter_that_was_reset_is_not_taken_for_a_wrap(machine):
    sensor = find_rapl(machine(zone("0", "package-0", 50_000_000_000)))
    with pytest.raises(SensorError):
        sensor.read(0.0)
    machine(zone("0", "package-0", 0))
    with pytest.raises(SensorError, match="212143 W is not in 0 to 10000 W"):
        sensor.read(1.0)
    machine(zone("0", "package-0", 15_000_000))
    assert sensor.read(2.0) == pytest.approx(15.0)


def test_a_reading_that_fails_leaves_the_next_one_right(machine):
    sensor = find_rapl(machine(zone("0", "package-0", 0)))
    with pytest.raises(SensorError):
        sensor.read(0.0)
    machine(zone("0", "package-0", "nonsense"))
    with pytest.raises(SensorError, match="energy_uj"):
        sensor.read(1.0)
    machine(zone("0", "package-0", 20_000_000))
    assert sensor.read(2.0) == pytest.approx(10.0)


def test_a_counter_that_only_root_may_read_says_so(machine, forbidden):
    root = machine(zone("0", "package-0", 0))
    sensor = find_rapl(root)
    counter = root / f"{POWERCAP}/intel-rapl:0/energy_uj"
    with forbidden(counter), pytest.raises(SensorError, match="energy_uj: Permission denied"):
        sensor.read(0.0)


def test_two_readings_at_one_time_are_no_power(machine):
    sensor = find_rapl(machine(zone("0", "package-0", 0)))
    for _ in range(2):
        with pytest.raises(SensorError, match="second reading"):
            sensor.read(5.0)


def test_a_machine_without_packages_has_no_such_sensor(machine):
    assert find_rapl(machine(zone("0", "psys", 5))) is None
