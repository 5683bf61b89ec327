import json

import numpy as np
import pytest
from problems import neutral_norm

from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.spec import FeatureLayout, OutputLayout, PolicySpec


def test_spec_survives_json():
    spec = PolicySpec(inputs=FeatureLayout(8, 6, 6), hidden=10, tau_max_s=2.0)
    assert PolicySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_default_sizes_are_those_of_the_design():
    spec = PolicySpec()
    assert (spec.features, spec.outputs) == (140, 12)
    core = sum(np.prod(s) for name, s in spec.shapes().items() if name.startswith("core."))
    assert core == 17_344


def test_groups_follow_each_other_without_gap():
    spec = PolicySpec()
    assert spec.inputs.slices() == {
        "embedding": slice(0, 128),
        "imu": slice(128, 134),
        "joints": slice(134, 140),
    }
    assert list(spec.layout.slices().values())[-1] == slice(9, 12)


def test_unstable_step_names_cell_solver_step_and_time_constant():
    with pytest.raises(ValueError) as error:
        PolicySpec(step_s=0.03, tau_min_s=0.01)
    for part in ("liquid_ode", "rk4", "0.03", "0.01", "2.785"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": 0},
        {"hidden": True},
        {"head": 2.5},
        {"tau_min_s": -1.0},
        {"tau_max_s": float("inf")},
        {"tau_max_s": 0.005},
        {"joint_names": ("a",) * 6},
        {"joint_names": ("a", "b")},
        {"layout": OutputLayout(position=2)},
    ],
)
def test_senseless_spec_is_refused(change):
    with pytest.raises(ValueError):
        PolicySpec(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"cell": "other"},
        {"solver": "fancy"},
        {"unknown": 1},
        {"inputs": {"embedding": 1, "x": 2}},
        {"inputs": 3},
        {"joint_names": None},
    ],
)
def test_foreign_spec_is_refused(change):
    with pytest.raises(ValueError):
        PolicySpec.from_dict(PolicySpec().to_dict() | change)


def test_missing_entry_is_refused():
    values = PolicySpec().to_dict()
    del values["inputs"]
    with pytest.raises(ValueError, match="inputs"):
        PolicySpec.from_dict(values)


def test_tensors_that_do_not_fit_are_named():
    spec = PolicySpec()
    params = initial_params(spec.network, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"core.bias has shape \(3,\)"):
        spec.network.check_params(params | {"core.bias": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match="unknown tensors .*extra"):
        spec.network.check_params(params | {"extra": np.zeros(3, np.float32)})
    norm = neutral_norm(spec)
    with pytest.raises(ValueError, match="norm.output_scale must be positive"):
        spec.check_norm(norm | {"norm.output_scale": np.zeros(12, np.float32)})
