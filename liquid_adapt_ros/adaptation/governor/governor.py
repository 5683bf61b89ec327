"""Decides about each training step, so that learning never costs the robot what it needs.

The CPU share is kept by making each step wait until the one before is paid for, as in the generic
cell rate algorithm (ITU-T I.371): a step of d seconds that starts at t lets the next one start at
t + d / share, and time left unused is not saved up. Over any stretch of time training then takes
its share and at most one step more. The step's wall-clock time stands for its CPU time, because
the trainer runs on one thread. Where it waits for a GPU, the share is one of the GPU's time too.

Power over the budget makes the period longer by half at each reading, power within it shorter by
a twentieth: training gives way fast and comes back slowly. A temperature over the limit stops
training until it is below by the hysteresis, and makes the period longer meanwhile.
"""

import math
from dataclasses import dataclass
from enum import Enum

from liquid_adapt_ros.adaptation.governor.sensor import Reading, measure
from liquid_adapt_ros.adaptation.governor.sensors import Sensors
from liquid_adapt_ros.adaptation.governor.settings import GovernorSettings

# Sensors are read at most this often: an INA3221 is behind a slow bus.
READ_INTERVAL_S = 1.0
STRETCH_PER_READING = 1.5
RECOVERY_PER_READING = 0.95


class Mode(str, Enum):
    """What holds training back most."""

    NOMINAL = "nominal"
    THROTTLED_CPU = "throttled_cpu"
    THROTTLED_POWER = "throttled_power"
    THROTTLED_TEMPERATURE = "throttled_temperature"
    IDLE_ONLY = "idle_only"


@dataclass(frozen=True)
class Decision:
    """Whether to train now.

    Attributes:
        train: whether a step may start now.
        reason: why not; empty where it may.
        period_s: time between the starts of two steps as things are, period_s to longest_period_s
            of the settings [s].
        rate_hz: steps per second to expect; 0 while it is too hot, and below 1 / period_s where
            the CPU share makes a step wait longer than longest_period_s [Hz].
    """

    train: bool
    reason: str
    period_s: float
    rate_hz: float


@dataclass(frozen=True)
class GovernorState:
    """What to report.

    Attributes:
        mode: what holds training back most.
        power_w: power drawn [W]; NaN where it is not known, like all that follow.
        temperature_c: of the hottest part of the processor [degC].
        cpu_share: processor time of this process per time [cores].
        gpu_share: share of its time that the GPU is busy, 0 to 1.
        text: which sensors tell these, and why others don't.
    """

    mode: Mode
    power_w: float
    temperature_c: float
    cpu_share: float
    gpu_share: float
    text: str


class Governor:
    """Says when a training step may start.

    Ask with `may_train` several times per period while no step runs, and report each step with
    `trained`. All calls come from one thread. Times are of one monotonic clock.

    Args:
        settings: limits of training; other ones count from the next call on.
        sensors: what to read; a sensor that fails takes its limit out of force, and the state
            says so, except that a machine that was too hot counts as hot until it says otherwise.
    """

    def __init__(self, settings: GovernorSettings, sensors: Sensors):
        self.settings = settings
        self._sensors = sensors
        self._power = self._temperature = self._cpu_share = self._gpu_share = Reading()
        self._now_s = self._read_s = -math.inf
        self._hot = False
        self._stretch = 1.0
        self._stretched_by = Mode.NOMINAL
        self._waits_for_idle = False
        self._started_s: float | None = None
        self._step_s = 0.0
        self._paid_s = -math.inf

    def may_train(self, now_s: float, stationary: bool, slack_s: float) -> Decision:
        """Decide whether a step may start now.

        Args:
            now_s: monotonic time [s].
            stationary: whether the robot stands still.
            slack_s: time that the control loop has left in its period [s]; infinite where the
                trainer has a core of its own, NaN where it is not known.

        Raises:
            ValueError: time goes backwards or is not finite.
        """
        self._advance(now_s)
        if now_s - self._read_s >= READ_INTERVAL_S:
            self._read(now_s)
        if self._started_s is None:
            self._started_s = now_s
        idle = stationary or slack_s >= self.settings.least_slack_s
        reason = self._too_hot() or self._too_early()
        self._waits_for_idle = not reason and not idle and not self._overdue()
        if self._waits_for_idle:
            reason = f"waits for an idle moment: the robot moves with {slack_s:.4f} s of slack"
        rate_hz = 0.0 if self._hot else 1.0 / max(self._period_s(), self._cpu_period_s())
        return Decision(not reason, reason, self._period_s(), rate_hz)

    def trained(self, duration_s: float, now_s: float) -> None:
        """A step has ended.

        Args:
            duration_s: wall-clock time that it took [s].
            now_s: monotonic time [s].

        Raises:
            ValueError: the duration is negative, time goes backwards, or one is not finite.
        """
        if not (math.isfinite(duration_s) and duration_s >= 0.0):
            raise ValueError(f"duration_s is {duration_s}, must be finite and at least 0")
        self._advance(now_s)
        self._started_s, self._step_s = now_s - duration_s, duration_s
        self._paid_s = max(self._paid_s, self._started_s) + self._cpu_period_s()

    @property
    def state(self) -> GovernorState:
        """What to report, as of the last call."""
        return GovernorState(
            self._mode(),
            self._power.value,
            self._temperature.value,
            self._cpu_share.value,
            self._gpu_share.value,
            self._text(),
        )

    def _advance(self, now_s: float) -> None:
        if not (math.isfinite(now_s) and now_s >= self._now_s):
            raise ValueError(f"now_s is {now_s}, must be finite and at least {self._now_s}")
        self._now_s = now_s

    def _read(self, now_s: float) -> None:
        self._read_s = now_s
        self._power = measure(self._sensors.power, now_s)
        self._temperature = measure(self._sensors.temperature, now_s)
        self._cpu_share = measure(self._sensors.cpu_share, now_s)
        self._gpu_share = measure(self._sensors.gpu_share, now_s)

        limit_c = self.settings.temperature_limit_c
        if self._temperature.value >= limit_c:
            self._hot = True
        elif self._temperature.value <= limit_c - self.settings.temperature_hysteresis_c:
            self._hot = False

        if self._hot or 0.0 < self.settings.power_budget_w < self._power.value:
            self._stretched_by = Mode.THROTTLED_TEMPERATURE if self._hot else Mode.THROTTLED_POWER
            longest = self.settings.longest_period_s / self.settings.period_s
            self._stretch = min(self._stretch * STRETCH_PER_READING, longest)
        else:
            self._stretch = max(self._stretch * RECOVERY_PER_READING, 1.0)

    def _cpu_period_s(self) -> float:
        return self._step_s / self.settings.cpu_share_max

    def _period_s(self) -> float:
        wanted_s = max(self.settings.period_s * self._stretch, self._cpu_period_s())
        return min(wanted_s, self.settings.longest_period_s)

    def _too_hot(self) -> str:
        if not self._hot:
            return ""
        limit_c = self.settings.temperature_limit_c
        resumes_c = limit_c - self.settings.temperature_hysteresis_c
        now = self._temperature.reason or f"{self._temperature.value:.1f} degC"
        return f"too hot (limit {limit_c:.1f} degC, on again at {resumes_c:.1f} degC): {now}"

    def _too_early(self) -> str:
        wait_s = max(self._started_s + self._period_s(), self._paid_s) - self._now_s
        if wait_s <= 0.0:
            return ""
        return f"the next step is due in {wait_s:.2f} s ({self._mode().value})"

    def _overdue(self) -> bool:
        return self._now_s - self._started_s >= self.settings.longest_period_s

    def _mode(self) -> Mode:
        stretched_s = self.settings.period_s * self._stretch
        if self._hot:
            return Mode.THROTTLED_TEMPERATURE
        if self._cpu_period_s() > stretched_s:
            return Mode.THROTTLED_CPU
        if self._stretch > 1.0:
            return self._stretched_by
        return Mode.IDLE_ONLY if self._waits_for_idle else Mode.NOMINAL

    def _text(self) -> str:
        watched = (
            (self._sensors.power, self._power),
            (self._sensors.temperature, self._temperature),
            (self._sensors.gpu_share, self._gpu_share),
        )
        told = [sensor.description for sensor, reading in watched if not reading.reason]
        missing = [reading.reason for _, reading in watched if reading.reason]
        if self.settings.power_budget_w > 0.0 and self._power.reason:
            missing.append(f"the power budget of {self.settings.power_budget_w:.1f} W is in vain")
        if not told:
            return f"CPU share only: {'; '.join(missing)}"
        return "; ".join(told + missing)
