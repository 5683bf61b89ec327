import math

import pytest

from liquid_adapt_ros.adaptation.governor.settings import GovernorSettings


@pytest.mark.parametrize(
    ("field", "value", "bound"),
    [
        ("cpu_share_max", 0.0, "0.001 to 1.0"),
        ("cpu_share_max", 1.5, "0.001 to 1.0"),
        ("cpu_share_max", math.nan, "0.001 to 1.0"),
        ("power_budget_w", -1.0, "0.0 to inf"),
        ("power_budget_w", math.inf, "0.0 to inf"),
        ("temperature_limit_c", -1.0, "0.0 to 150.0"),
        ("temperature_limit_c", math.nan, "0.0 to 150.0"),
        ("temperature_hysteresis_c", -0.1, "0.0 to 50.0"),
        ("period_s", 0.0, "0.001 to 3600.0"),
        ("longest_period_s", 0.4, "0.5 to 3600.0"),
        ("longest_period_s", math.inf, "0.5 to 3600.0"),
        ("least_slack_s", -0.1, "0.0 to inf"),
    ],
)
def test_an_error_names_the_field_the_value_and_the_bound(field, value, bound):
    with pytest.raises(ValueError, match=f"{field} is {value}, must be a number in {bound}"):
        GovernorSettings(**{field: value})


@pytest.mark.parametrize("none", [0.0, math.nan])
def test_a_power_budget_may_be_none(none):
    assert not GovernorSettings(power_budget_w=none).power_budget_w > 0.0
