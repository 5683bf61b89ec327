"""The parameter table of a node."""

import pytest
import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from liquid_adapt_ros.nodes.parameters import Parameter, ParameterTable

TABLE = (
    Parameter("rate_hz", 100.0, "Rate [Hz].", 1.0, 1000.0, read_only=True),
    Parameter("limit_m", 0.5, "Limit [m].", 0.0, 1.0),
    Parameter("count", 3, "Count.", 1, 10),
    Parameter("gains", (1.0, 2.0), "Gains [1].", 0.0, 5.0),
    Parameter("speeds", (1.0,), "Speeds [m/s].", 0.0, any_length=True),
    Parameter("mode", "slow", "Mode.", choices=("slow", "fast")),
)


@pytest.fixture
def context():
    rclpy.init()
    yield
    rclpy.shutdown()


def make(changed=None, **overrides):
    overrides = [RosParameter(name, value=value) for name, value in overrides.items()]
    node = Node("table", parameter_overrides=overrides)
    return node, ParameterTable(node, TABLE, changed)


def request(node, **values):
    return node.set_parameters_atomically([RosParameter(n, value=v) for n, v in values.items()])


def test_defaults_and_overrides_are_read_like_a_dictionary(context):
    _, table = make(limit_m=0.25, gains=[3.0, 4.0], speeds=[1.0, 2.0, 3.0])
    assert dict(table) == {
        "rate_hz": 100.0,
        "limit_m": 0.25,
        "count": 3,
        "gains": (3.0, 4.0),
        "speeds": (1.0, 2.0, 3.0),
        "mode": "slow",
    }


def test_every_parameter_describes_itself(context):
    node, _ = make()
    rate, gains, mode = node.describe_parameters(["rate_hz", "gains", "mode"])
    assert rate.description == "Rate [Hz]." and rate.read_only
    bounds = rate.floating_point_range[0]
    assert (bounds.from_value, bounds.to_value) == (1.0, 1000.0)
    assert gains.additional_constraints == "2 elements, each in [0.0, 5.0] (None: no bound)"
    assert mode.additional_constraints == "one of slow, fast"


@pytest.mark.parametrize(
    "overrides",
    [
        {"limit_m": 2.0},
        {"limit_m": 1},
        {"count": 0},
        {"gains": [1.0]},
        {"gains": [1.0, 6.0]},
        {"gains": [1.0, float("nan")]},
        {"mode": "warp"},
    ],
)
def test_bad_values_at_start_are_refused_by_name(context, overrides):
    refusals = (ValueError, InvalidParameterTypeException, InvalidParameterValueException)
    with pytest.raises(refusals, match=next(iter(overrides))):
        make(**overrides)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("rate", "rate_hz"), ("limit", "limit_m"), ("use_simtime", "use_sim_time"), ("xyz", "")],
)
def test_a_parameter_that_does_not_exist_is_an_error_that_names_the_nearest(
    context, name, nearest
):
    message = f"^there is no parameter {name}; the nearest is {nearest}"
    with pytest.raises(ValueError, match=message):
        make(**{name: 1.0})


def test_every_parameter_that_does_not_exist_is_named(context):
    with pytest.raises(ValueError, match=r"no parameter mod; .* mode; .*no parameter rats;"):
        make(mod=1.0, rats=1.0, limit_m=0.25)


def test_a_request_is_taken_whole_or_not_at_all(context):
    node, table = make()
    assert request(node, limit_m=0.75, gains=[2.0, 2.0]).successful
    assert (table["limit_m"], table["gains"]) == (0.75, (2.0, 2.0))
    result = request(node, limit_m=0.1, gains=[2.0, 7.0], mode="warp")
    assert not result.successful
    assert result.reason == (
        "gains must be at most 5.0, not 7.0; mode must be one of slow, fast, not 'warp'"
    )
    assert "read-only" in request(node, limit_m=0.1, rate_hz=50.0).reason
    assert (table["limit_m"], table["gains"], table["mode"]) == (0.75, (2.0, 2.0), "slow")
    assert node.get_parameter("limit_m").value == 0.75


def test_the_node_applies_a_request_or_refuses_it_with_its_own_reason(context):
    seen = []

    def changed(changes):
        if changes.get("mode") == "fast":
            raise ValueError("not so fast")
        seen.append(changes)

    node, table = make(changed)
    assert request(node, limit_m=0.1, count=4).successful
    assert seen == [{"limit_m": 0.1, "count": 4}]
    assert request(node, limit_m=0.2, mode="fast").reason == "not so fast"
    assert (table["limit_m"], table["mode"]) == (0.1, "slow") and len(seen) == 1
