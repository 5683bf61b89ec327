"""When and how much to train: the platform's sensors, and the governor that heeds them.

    from liquid_adapt_ros.adaptation.governor.governor import Governor
    from liquid_adapt_ros.adaptation.governor.sensors import find_sensors
    from liquid_adapt_ros.adaptation.governor.settings import GovernorSettings

    governor = Governor(GovernorSettings(power_budget_w=9.0), find_sensors())

sensor       what every sensor keeps to
sysfs        bounded reading of one small file
ina3221      power of a Jetson's input rail
rapl         power of x86 processors
temperature  the hottest thermal zone of CPU, GPU and SoC
load         share of a core that this process takes; load of a Jetson's GPU
sensors      finds the sensors that this machine has
settings     what training may take
governor     decides about each training step
"""
