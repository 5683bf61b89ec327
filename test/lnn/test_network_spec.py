import math

import pytest
from problems import ODE_CELLS

from liquid_adapt_ros.lnn import NetworkSpec
from liquid_adapt_ros.lnn.cells import CELLS


def test_time_constants_follow_the_step_where_they_are_left_out():
    spec = NetworkSpec(3, 2, step_s=1.0)
    assert (spec.tau_min_s, spec.tau_max_s) == (1.0, 100.0)
    spec = NetworkSpec(3, 2, step_s=1.0, solver="exponential")
    assert (spec.tau_min_s, spec.tau_max_s) == (0.1, 100.0)


def test_each_cell_has_a_solver_of_its_own_where_none_is_given():
    solvers = {cell: NetworkSpec(3, 2, cell=cell).solver for cell in CELLS}
    assert solvers == {
        "liquid_ode": "rk4",
        "liquid_tau": "rk4",
        "ltc": "fused",
        "cfc": "closed_form",
    }


@pytest.mark.parametrize("cell", ODE_CELLS)
@pytest.mark.parametrize("solver, limit", [("euler", 2.0), ("rk4", 2.785)])
def test_unstable_step_names_cell_solver_step_time_constant_and_limit(cell, solver, limit):
    tau_min_s = 0.01 if cell != "ltc" else 0.02  # leak and synapses of an LTC add up
    spec = NetworkSpec(3, 2, cell=cell, solver=solver, step_s=0.009, tau_min_s=tau_min_s)
    assert spec.max_stable_step_s == pytest.approx(limit * 0.01)
    spec.check_step(limit * 0.01)
    with pytest.raises(ValueError) as error:
        spec.check_step(0.03)
    for part in (
        f"cell {cell!r}",
        f"solver {solver!r}",
        "dt = 0.03 s",
        "0.01 s is 3.0",
        str(limit),
    ):
        assert part in str(error.value)


def test_parts_of_a_sample_make_a_longer_one_stable():
    with pytest.raises(ValueError, match="unstable"):
        NetworkSpec(3, 2, solver="euler", step_s=0.05, tau_min_s=0.01, tau_max_s=1.0)
    spec = NetworkSpec(
        3, 2, solver="euler", step_s=0.05, tau_min_s=0.01, tau_max_s=1.0, substeps=3
    )
    assert spec.max_stable_step_s == pytest.approx(0.06)


@pytest.mark.parametrize(
    "cell, solver", [("ltc", "fused"), ("liquid_ode", "exponential"), ("cfc", "closed_form")]
)
def test_solvers_without_limit_take_any_step(cell, solver):
    spec = NetworkSpec(3, 2, cell=cell, solver=solver)
    assert spec.max_stable_step_s == math.inf
    spec.check_step(1e9)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hidden": 0}, "hidden must be a whole number of at least 1, got 0"),
        ({"head": -1}, "head must be a whole number of at least 0, got -1"),
        ({"substeps": 1.5}, "substeps must be a whole number of at least 1, got 1.5"),
        ({"outputs": True}, "outputs must be a whole number"),
        ({"step_s": math.inf}, "step_s must be finite and positive, got inf"),
        ({"tau_min_s": -0.1}, "tau_min_s must be finite and positive, got -0.1"),
        ({"tau_min_s": 2.0}, "tau_min_s 2.0 must be below tau_max_s 1.0"),
        ({"cell": "gru"}, "cell must be one of liquid_ode, .*, got 'gru'"),
        ({"solver": "closed_form"}, "solver must be one of rk4, .* with cell 'liquid_ode'"),
        ({"cell": "cfc", "solver": "rk4"}, "solver must be one of closed_form with cell 'cfc'"),
    ],
)
def test_senseless_spec_is_refused_by_name_and_value(change, message):
    with pytest.raises(ValueError, match=message):
        NetworkSpec(**{"features": 3, "outputs": 2} | change)
