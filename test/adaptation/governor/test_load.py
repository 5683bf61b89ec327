import pytest

from liquid_adapt_ros.adaptation.governor.load import ProcessCpuShare, find_gpu_load
from liquid_adapt_ros.adaptation.governor.sensor import SensorError


def test_cpu_share_is_processor_time_over_time():
    used_s = iter([3.0, 3.25, 5.25])
    sensor = ProcessCpuShare(lambda: next(used_s))
    with pytest.raises(SensorError, match="second reading"):
        sensor.read(100.0)
    assert sensor.read(101.0) == pytest.approx(0.25)
    assert sensor.read(105.0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "path",
    [
        "sys/devices/gpu.0/load",
        "sys/devices/platform/gpu.0/load",
        "sys/class/devfreq/57000000.gpu/device/load",
        "sys/class/devfreq/17000000.gv11b/device/load",
        "sys/class/devfreq/17000000.ga10b/device/load",
    ],
)
def test_gpu_load_is_in_per_mille(machine, path):
    assert find_gpu_load(machine({path: 437})).read(0.0) == pytest.approx(0.437)


def test_another_device_in_devfreq_is_no_gpu(machine):
    assert find_gpu_load(machine({"sys/class/devfreq/15480000.nvdec/device/load": 500})) is None


def test_a_load_beyond_per_mille_is_refused(machine):
    sensor = find_gpu_load(machine({"sys/devices/gpu.0/load": 1001}))
    with pytest.raises(SensorError, match="1001 is not in 0 to 1000"):
        sensor.read(0.0)
