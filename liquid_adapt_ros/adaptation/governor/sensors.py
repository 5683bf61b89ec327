"""Finds the sensors that this machine has. Files only: no library, no tool, no privilege."""

from dataclasses import dataclass
from pathlib import Path

from liquid_adapt_ros.adaptation.governor.ina3221 import find_ina3221
from liquid_adapt_ros.adaptation.governor.load import ProcessCpuShare, find_gpu_load
from liquid_adapt_ros.adaptation.governor.rapl import find_rapl
from liquid_adapt_ros.adaptation.governor.sensor import Absent, Sensor
from liquid_adapt_ros.adaptation.governor.temperature import find_hottest_zone


@dataclass(frozen=True)
class Sensors:
    """What the governor reads.

    Attributes:
        power: power drawn [W].
        temperature: of the hottest part of the processor [degC].
        cpu_share: processor time of this process per time [cores].
        gpu_share: share of its time that the GPU is busy, 0 to 1.
    """

    power: Sensor
    temperature: Sensor
    cpu_share: Sensor
    gpu_share: Sensor


def find_sensors(root: Path = Path("/")) -> Sensors:
    """The sensors of the machine whose `sys` lies in the root folder; looked for only here."""
    return Sensors(
        power=find_ina3221(root) or find_rapl(root) or Absent("no power sensor"),
        temperature=find_hottest_zone(root) or Absent("no temperature sensor"),
        cpu_share=ProcessCpuShare(),
        gpu_share=find_gpu_load(root) or Absent("no GPU load"),
    )
