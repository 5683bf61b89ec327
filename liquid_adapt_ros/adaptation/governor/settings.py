"""What training may take of the robot's computer."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class GovernorSettings:
    """Limits of training.

    Attributes:
        cpu_share_max: share of one core that training may take in the long run, 0.001 to 1.
        power_budget_w: training becomes rarer while more power is drawn [W]; 0 or NaN: no budget.
        temperature_limit_c: no training from this temperature on [degC], 0 to 150. The default is
            22.5 degC below where the kernel shuts a Tegra X1 (Jetson Nano) down.
        temperature_hysteresis_c: training goes on when it is this much cooler [degC], 0 to 50.
        period_s: time from the start of a step to that of the next, where nothing speaks against
            it [s], 0.001 to 3600.
        longest_period_s: longest such time while neither the CPU share nor the temperature forbids
            training [s], period_s to 3600.
        least_slack_s: slack in the control period from which on a step may run while the robot
            moves [s], 0 or more.

    Raises:
        ValueError: a value is not within its bounds.
    """

    cpu_share_max: float = 0.15
    power_budget_w: float = 0.0
    temperature_limit_c: float = 80.0
    temperature_hysteresis_c: float = 5.0
    period_s: float = 0.5
    longest_period_s: float = 5.0
    least_slack_s: float = 0.002

    def __post_init__(self) -> None:
        self._require("cpu_share_max", 0.001, 1.0)
        if not math.isnan(self.power_budget_w):
            self._require("power_budget_w", 0.0, math.inf)
        self._require("temperature_limit_c", 0.0, 150.0)
        self._require("temperature_hysteresis_c", 0.0, 50.0)
        self._require("period_s", 0.001, 3600.0)
        self._require("longest_period_s", self.period_s, 3600.0)
        self._require("least_slack_s", 0.0, math.inf)

    def _require(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{name} is {value}, must be a number in {low} to {high}")
