import math
from dataclasses import replace

import pytest

from liquid_adapt_ros.adaptation.governor.governor import Governor, Mode
from liquid_adapt_ros.adaptation.governor.sensor import SensorError
from liquid_adapt_ros.adaptation.governor.sensors import Sensors, find_sensors
from liquid_adapt_ros.adaptation.governor.settings import GovernorSettings

SETTINGS = GovernorSettings(
    cpu_share_max=0.1,
    power_budget_w=10.0,
    temperature_limit_c=80.0,
    temperature_hysteresis_c=5.0,
    period_s=0.5,
    longest_period_s=4.0,
    least_slack_s=0.002,
)
NO_SLACK, SLACK = 0.001, 0.004


class Meter:
    """A sensor that tells what the test sets; NaN makes it fail."""

    def __init__(self, description, value):
        self.description = description
        self.value = value
        self.readings = 0

    def read(self, now_s):
        self.readings += 1
        if math.isnan(self.value):
            raise SensorError(f"{self.description} is broken")
        return self.value


class Robot:
    """A governor with its meters, asked every 0.05 s."""

    def __init__(self, settings=SETTINGS):
        self.power = Meter("power meter", 5.0)
        self.temperature = Meter("thermometer", 50.0)
        self.gpu = Meter("GPU load", 0.2)
        sensors = Sensors(self.power, self.temperature, Meter("CPU share", 0.3), self.gpu)
        self.governor = Governor(settings, sensors)
        self.now_s = 100.0
        self.decision = None

    def ask(self, stationary=True, slack_s=NO_SLACK):
        self.decision = self.governor.may_train(self.now_s, stationary, slack_s)
        return self.decision

    def run(self, duration_s, step_s=0.01, stationary=True, slack_s=NO_SLACK):
        """Train whenever it is allowed; returns the starts of the steps."""
        starts = []
        end_s = self.now_s + duration_s
        while self.now_s < end_s:
            if self.ask(stationary, slack_s).train:
                starts.append(self.now_s)
                self.now_s += step_s
                self.governor.trained(step_s, self.now_s)
            self.now_s += 0.05
        return starts


def gaps(starts):
    return [after - before for before, after in zip(starts, starts[1:], strict=False)]


def test_an_idle_robot_within_its_limits_trains_at_the_nominal_period():
    robot = Robot()
    assert gaps(robot.run(10.0)) == pytest.approx([0.5] * 18, abs=0.06)
    assert robot.governor.state.mode is Mode.NOMINAL
    assert robot.decision.period_s == 0.5
    assert robot.decision.rate_hz == 2.0


def test_a_step_that_may_not_start_says_when_and_why():
    robot = Robot()
    decision = robot.ask()
    assert not decision.train
    assert decision.reason == "the next step is due in 0.50 s (nominal)"


def test_a_long_step_is_paid_for_before_the_next():
    robot = Robot()
    assert gaps(robot.run(20.0, step_s=0.1)) == pytest.approx([1.0] * 18, abs=0.06)
    assert robot.governor.state.mode is Mode.THROTTLED_CPU
    assert robot.decision.period_s == pytest.approx(1.0)
    assert robot.decision.rate_hz == pytest.approx(1.0)


def test_a_step_too_long_for_the_longest_period_waits_all_the_same():
    robot = Robot()
    assert gaps(robot.run(30.0, step_s=1.0)) == pytest.approx([10.0] * 2, abs=0.06)
    assert robot.decision.period_s == 4.0
    assert robot.decision.rate_hz == pytest.approx(0.1)


def test_steps_that_nobody_asked_for_are_paid_for_too():
    robot = Robot()
    robot.governor.trained(0.1, 100.1)
    robot.governor.trained(0.1, 100.2)
    robot.now_s = 101.9
    assert robot.ask().reason == "the next step is due in 0.10 s (throttled_cpu)"
    robot.now_s = 102.01
    assert robot.ask().train


def test_a_moving_robot_without_slack_trains_only_when_a_step_is_overdue():
    robot = Robot()
    starts = robot.run(13.0, stationary=False, slack_s=NO_SLACK)
    assert gaps([100.0, *starts]) == pytest.approx([4.0] * 3, abs=0.06)
    assert robot.governor.state.mode is Mode.IDLE_ONLY
    assert "waits for an idle moment: the robot moves with 0.0010 s" in robot.decision.reason


@pytest.mark.parametrize(("stationary", "slack_s"), [(True, math.nan), (False, SLACK)])
def test_standing_still_and_slack_are_both_idle_moments(stationary, slack_s):
    robot = Robot()
    robot.run(2.0, stationary=False)
    assert robot.ask(stationary, slack_s).train


def test_unknown_slack_is_no_idle_moment():
    robot = Robot()
    robot.now_s += 1.0
    robot.ask(False, math.nan)
    robot.now_s += 1.0
    assert not robot.ask(False, math.nan).train


def test_power_over_the_budget_makes_training_rare_and_within_it_it_comes_back():
    robot = Robot()
    robot.power.value = 12.0
    robot.run(10.0)
    assert robot.governor.state.mode is Mode.THROTTLED_POWER
    assert robot.decision.period_s == 4.0
    assert gaps(robot.run(17.0)) == pytest.approx([4.0] * 3, abs=0.06)

    robot.power.value = 9.0
    robot.run(5.0)
    assert 2.0 < robot.decision.period_s < 4.0
    robot.run(60.0)
    assert robot.decision.period_s == 0.5
    assert robot.governor.state.mode is Mode.NOMINAL


def test_no_training_from_the_temperature_limit_until_it_is_cooler_by_the_hysteresis():
    robot = Robot()
    robot.temperature.value = 80.0
    assert robot.run(10.0) == []
    assert robot.governor.state.mode is Mode.THROTTLED_TEMPERATURE
    assert robot.decision.rate_hz == 0.0
    expected = "too hot (limit 80.0 degC, on again at 75.0 degC): 80.0 degC"
    assert robot.decision.reason == expected

    robot.temperature.value = 76.0
    assert robot.run(10.0) == []
    robot.temperature.value = 75.0
    starts = robot.run(80.0)
    assert gaps(starts)[1] > 2.0
    assert gaps(starts)[-1] == pytest.approx(0.5, abs=0.06)


def test_heat_counts_until_the_sensor_says_otherwise():
    robot = Robot()
    robot.temperature.value = 90.0
    robot.run(2.0)
    robot.temperature.value = math.nan
    assert robot.run(10.0) == []
    assert robot.decision.reason.endswith("thermometer is broken")
    robot.temperature.value = 40.0
    assert robot.run(10.0)


def test_sensors_that_fail_leave_the_share_of_the_cpu_in_force():
    robot = Robot()
    robot.power.value = robot.temperature.value = robot.gpu.value = math.nan
    assert gaps(robot.run(5.0, step_s=0.1)) == pytest.approx([1.0] * 4, abs=0.06)
    state = robot.governor.state
    assert math.isnan(state.power_w)
    assert math.isnan(state.temperature_c)
    assert math.isnan(state.gpu_share)
    assert state.cpu_share == 0.3
    assert state.text == (
        "CPU share only: power meter is broken; thermometer is broken; GPU load is broken; "
        "the power budget of 10.0 W is in vain"
    )


def test_the_state_tells_what_the_sensors_tell():
    robot = Robot()
    robot.gpu.value = math.nan
    robot.ask()
    state = robot.governor.state
    assert (state.power_w, state.temperature_c) == (5.0, 50.0)
    assert state.text == "power meter; thermometer; GPU load is broken"


def test_a_machine_without_sensors_says_so(machine):
    governor = Governor(GovernorSettings(), find_sensors(machine({})))
    governor.may_train(0.0, True, 0.0)
    assert governor.state.text == (
        "CPU share only: no power sensor; no temperature sensor; no GPU load"
    )


def test_sensors_are_read_once_a_second_however_often_it_is_asked():
    robot = Robot()
    for tick in range(1000):
        robot.now_s = 100.0 + tick * 0.01
        robot.ask()
    assert robot.power.readings == robot.temperature.readings == 10


def test_other_settings_count_from_the_next_question_on():
    robot = Robot()
    robot.power.value = 12.0
    robot.run(10.0)
    robot.governor.settings = replace(SETTINGS, longest_period_s=1.0)
    assert robot.ask().period_s == 1.0
    robot.governor.settings = replace(SETTINGS, power_budget_w=math.nan)
    robot.run(60.0)
    assert robot.decision.period_s == 0.5


@pytest.mark.parametrize("now_s", [99.9, math.nan, math.inf])
def test_time_that_goes_backwards_is_refused(now_s):
    robot = Robot()
    robot.ask()
    with pytest.raises(ValueError, match=f"now_s is {now_s}, must be finite and at least 100.0"):
        robot.governor.may_train(now_s, True, 0.0)
    with pytest.raises(ValueError, match=f"now_s is {now_s}"):
        robot.governor.trained(0.1, now_s)


@pytest.mark.parametrize("duration_s", [-0.1, math.nan, math.inf])
def test_a_duration_that_is_none_is_refused(duration_s):
    with pytest.raises(ValueError, match=f"duration_s is {duration_s}"):
        Robot().governor.trained(duration_s, 100.0)
