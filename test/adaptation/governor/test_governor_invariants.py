"""What holds for the governor whatever the robot does and its sensors tell."""

import math
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.governor.governor import READ_INTERVAL_S, Governor
from liquid_adapt_ros.adaptation.governor.sensor import SensorError
from liquid_adapt_ros.adaptation.governor.sensors import Sensors
from liquid_adapt_ros.adaptation.governor.settings import GovernorSettings

any_value = st.floats(-1e3, 1e3) | st.just(math.nan)
settings_ = st.builds(
    lambda longest, **values: GovernorSettings(
        longest_period_s=values["period_s"] * longest, **values
    ),
    longest=st.floats(1.0, 20.0),
    cpu_share_max=st.floats(0.01, 1.0),
    power_budget_w=st.floats(0.0, 20.0) | st.just(math.nan),
    temperature_limit_c=st.floats(0.0, 100.0),
    temperature_hysteresis_c=st.floats(0.0, 20.0),
    period_s=st.floats(0.05, 2.0),
)


@dataclass(frozen=True)
class Moment:
    """What the world is like when the governor is asked, and how long a step would take."""

    elapsed_s: float
    stationary: bool
    slack_s: float
    power_w: float
    temperature_c: float
    step_s: float


moments = st.lists(
    st.builds(
        Moment,
        elapsed_s=st.floats(0.0, 3.0),
        stationary=st.booleans(),
        slack_s=any_value,
        power_w=any_value,
        temperature_c=any_value,
        step_s=st.floats(0.0, 1.0),
    ),
    min_size=1,
    max_size=60,
)


def any_story(test):
    """Run a test with any settings and any moments, however long one takes."""
    return settings(deadline=None)(given(settings=settings_, moments=moments)(test))


class Meter:
    description = "meter"

    def __init__(self):
        self.value = self.last_told = math.nan
        self.readings = 0

    def read(self, now_s):
        self.readings += 1
        if math.isnan(self.value):
            raise SensorError("meter is broken")
        self.last_told = self.value
        return self.value


class Robot:
    """Trains whenever it may, and keeps its steps and what its thermometer means."""

    def __init__(self, settings):
        self.power, self.temperature, other = Meter(), Meter(), Meter()
        self.governor = Governor(settings, Sensors(self.power, self.temperature, other, other))
        self.limit_c = settings.temperature_limit_c
        self.resumes_c = self.limit_c - settings.temperature_hysteresis_c
        self.too_hot = False
        self.now_s = self.started_s = 0.0
        self.steps = []

    def live(self, moment):
        """Returns the decision and the time at which it was made."""
        self.now_s += moment.elapsed_s
        self.power.value, self.temperature.value = moment.power_w, moment.temperature_c
        asked_s = self.now_s
        decision = self.governor.may_train(asked_s, moment.stationary, moment.slack_s)
        if self.temperature.last_told >= self.limit_c:
            self.too_hot = True
        elif self.temperature.last_told <= self.resumes_c:
            self.too_hot = False
        if decision.train:
            self.steps.append((asked_s, moment.step_s))
            self.now_s += moment.step_s
            self.governor.trained(moment.step_s, self.now_s)
        return decision, asked_s


@any_story
def test_training_takes_its_share_and_at_most_one_step_more(settings, moments):
    robot = Robot(settings)
    for moment in moments:
        robot.live(moment)
    for first in range(len(robot.steps)):
        taken_s = 0.0
        for start_s, step_s in robot.steps[first:]:
            allowed_s = settings.cpu_share_max * (start_s - robot.steps[first][0])
            assert taken_s <= allowed_s + 1e-9
            taken_s += step_s


@any_story
def test_the_period_is_within_its_bounds_and_the_rate_follows(settings, moments):
    robot = Robot(settings)
    for moment in moments:
        decision, _ = robot.live(moment)
        assert settings.period_s <= decision.period_s <= settings.longest_period_s
        assert 0.0 <= decision.rate_hz <= 1.0 / decision.period_s
        assert decision.train == (decision.reason == "")


@any_story
def test_it_never_trains_while_too_hot(settings, moments):
    robot = Robot(settings)
    for moment in moments:
        decision, _ = robot.live(moment)
        assert not (decision.train and robot.too_hot)


@any_story
def test_a_step_is_put_off_for_the_longest_period_at_most_unless_a_hard_limit_forbids(
    settings, moments
):
    robot = Robot(settings)
    first_asked_s = moments[0].elapsed_s
    for moment in moments:
        paid_s, started_s = -math.inf, first_asked_s
        if robot.steps:
            started_s, step_s = robot.steps[-1]
            paid_s = started_s + step_s / settings.cpu_share_max
        decision, asked_s = robot.live(moment)
        if asked_s > max(paid_s, started_s + settings.longest_period_s) + 1e-9:
            assert decision.train or robot.too_hot


@any_story
def test_sensors_are_read_once_a_second_at_most(settings, moments):
    robot = Robot(settings)
    for moment in moments:
        robot.live(moment)
    assert 1 <= robot.power.readings <= 1 + robot.now_s / READ_INTERVAL_S


@any_story
def test_it_recovers_from_anything(settings, moments):
    robot = Robot(settings)
    for moment in moments:
        robot.live(moment)
    calm = Moment(
        elapsed_s=READ_INTERVAL_S,
        stationary=True,
        slack_s=1.0,
        power_w=0.0,
        temperature_c=-40.0,
        step_s=0.0,
    )
    for _ in range(200):
        decision, _ = robot.live(calm)
    assert decision.period_s == settings.period_s
    assert decision.train or settings.period_s > calm.elapsed_s


@any_story
def test_the_same_story_ends_the_same(settings, moments):
    one, other = Robot(settings), Robot(settings)
    for moment in moments:
        assert one.live(moment) == other.live(moment)
    assert one.steps == other.steps
    assert one.governor.state.text == other.governor.state.text
