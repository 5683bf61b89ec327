import pytest

from liquid_adapt_ros.adaptation.governor.ina3221 import find_ina3221
from liquid_adapt_ros.adaptation.governor.sensor import SensorError

IIO = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
HWMON = "sys/bus/i2c/drivers/ina3221/7-0040/hwmon/hwmon4"
# What the file names and units of a Jetson Nano (JetPack 4) and a Xavier NX (JetPack 5) are.
NANO = {
    f"{IIO}/rail_name_0": "POM_5V_IN",
    f"{IIO}/in_power0_input": 2875,
    f"{IIO}/rail_name_1": "POM_5V_GPU",
    f"{IIO}/in_power1_input": 80,
    f"{IIO}/rail_name_2": "POM_5V_CPU",
    f"{IIO}/in_power2_input": 700,
}
XAVIER_NX = {
    f"{HWMON}/in1_label": "VDD_IN",
    f"{HWMON}/in1_input": 5040,
    f"{HWMON}/curr1_input": 1250,
    f"{HWMON}/in2_label": "VDD_CPU_GPU_CV",
    f"{HWMON}/in2_input": 5040,
    f"{HWMON}/curr2_input": 400,
    f"{HWMON}/in3_label": "VDD_SOC",
    f"{HWMON}/in3_input": 5040,
    f"{HWMON}/curr3_input": 300,
    f"{HWMON}/in7_label": "sum of shunt voltages",
    f"{HWMON}/in7_input": 40,
}


def test_nano_tells_the_power_of_its_input_rail(machine):
    sensor = find_ina3221(machine(NANO))
    assert sensor.description == "INA3221 POM_5V_IN"
    assert sensor.read(0.0) == pytest.approx(2.875)


def test_xavier_nx_tells_voltage_and_current_of_its_input_rail(machine):
    sensor = find_ina3221(machine(XAVIER_NX))
    assert sensor.description == "INA3221 VDD_IN"
    assert sensor.read(0.0) == pytest.approx(5.04 * 1.25)


def test_the_rail_is_found_by_its_name_not_by_its_channel(machine):
    folder = "sys/bus/i2c/drivers/ina3221x/0-0041/iio_device"
    root = machine({f"{folder}/rail_name_2": "VDD_IN", f"{folder}/in_power2_input": 4000})
    assert find_ina3221(root).read(0.0) == pytest.approx(4.0)


def test_the_channel_of_the_rail_is_read_with_the_kernels_driver_too(machine):
    swapped = {f"{HWMON}/in1_label": "VDD_SOC", f"{HWMON}/in3_label": "VDD_IN"}
    assert find_ina3221(machine(XAVIER_NX | swapped)).read(0.0) == pytest.approx(5.04 * 0.3)


def test_links_are_followed_as_in_a_real_sysfs(machine, tmp_path):
    root = machine(
        {
            path.replace("bus/i2c/drivers/ina3221", "devices/c240000.i2c"): content
            for path, content in XAVIER_NX.items()
        }
    )
    (root / "sys/bus/i2c/drivers/ina3221").mkdir(parents=True)
    link = root / "sys/bus/i2c/drivers/ina3221/7-0040"
    link.symlink_to(root / "sys/devices/c240000.i2c/7-0040")
    assert find_ina3221(root).read(0.0) == pytest.approx(5.04 * 1.25)


def test_a_module_without_an_input_rail_says_which_rails_it_has(machine):
    root = machine({f"{IIO}/rail_name_0": "GPU", f"{IIO}/rail_name_1": "CPU"})
    with pytest.raises(SensorError, match="VDD_IN or POM_5V_IN.*it has GPU, CPU"):
        find_ina3221(root).read(0.0)


@pytest.mark.parametrize("broken", ["in1_input", "curr1_input"])
@pytest.mark.parametrize("content", ["", "nonsense", "-3", "99999999"])
def test_a_broken_file_is_a_sensor_error_until_it_is_mended(machine, broken, content):
    root = machine(XAVIER_NX | {f"{HWMON}/{broken}": content})
    sensor = find_ina3221(root)
    with pytest.raises(SensorError, match=broken):
        sensor.read(0.0)
    machine(XAVIER_NX)
    assert sensor.read(1.0) == pytest.approx(5.04 * 1.25)


def test_an_unreadable_name_hides_its_rail_only(machine):
    root = machine(NANO | {f"{IIO}/rail_name_1": "x" * 1000})
    assert find_ina3221(root).read(0.0) == pytest.approx(2.875)


def test_a_machine_without_the_chip_has_no_such_sensor(machine):
    assert find_ina3221(machine({})) is None
