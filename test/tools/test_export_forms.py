"""What leaves PyTorch answers as PyTorch does: every cell and solver, any weights, any length."""

import json

import numpy as np
import onnx
import pytest
from problems import COMPILED, random_params, small_spec

from liquid_adapt_ros.lnn import LiquidNetwork, NetworkSpec
from liquid_adapt_ros.tools.export.checks import (
    onnx_run,
    package_run,
    step_difference,
    window_difference,
)
from liquid_adapt_ros.tools.export.policy_files import OPSET, onnx_content, package_content
from liquid_adapt_ros.tools.export.policy_forms import step_form, window_form

TOLERANCE = 1e-5


def network(spec: NetworkSpec, seed: int) -> LiquidNetwork:
    return LiquidNetwork(spec, random_params(spec, seed, np.float32))


def inputs(spec: NetworkSpec, samples: int, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Features (T, F) and irregular times between them (T,)."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((samples, spec.features)).astype(np.float32)
    return features, (spec.step_s * rng.uniform(0.1, 1.0, samples)).astype(np.float32)


@pytest.mark.parametrize(("cell", "solver"), COMPILED)
def test_a_step_of_every_cell_and_solver_answers_as_torch_does_with_any_weights(cell, solver):
    spec = small_spec(cell, solver, substeps=2)
    traced, others = network(spec, 0), network(spec, 1)
    run = onnx_run(onnx_content(step_form(spec, traced.to_numpy()), {}), "step")
    for weights in (traced, others):
        assert step_difference(run, weights, *inputs(spec, 25)) < TOLERANCE


@pytest.mark.parametrize(
    ("cell", "solver", "head"), [("liquid_ode", "rk4", 7), ("cfc", "closed_form", 0)]
)
def test_a_window_of_any_length_answers_as_torch_does_with_any_weights(cell, solver, head):
    spec = small_spec(cell, solver, head=head)
    traced, others = network(spec, 0), network(spec, 1)
    form = window_form(spec, traced.to_numpy())
    for run in (
        onnx_run(onnx_content(form, {}), "window"),
        package_run(package_content(form.program, {})),
    ):
        for weights in (traced, others):
            for samples in (1, 2, 37):
                assert window_difference(run, weights, *inputs(spec, samples)) < TOLERANCE


def test_weights_are_inputs_and_not_in_the_file():
    spec = small_spec("liquid_ode", "rk4")
    content = onnx_content(step_form(spec, network(spec, 0).to_numpy()), {})
    run = onnx_run(content, "step")
    answers = []
    for seed in (0, 1):
        given = {
            "hidden_state": np.zeros((1, spec.hidden), np.float32),
            "features": np.ones((1, spec.features), np.float32),
            "dt_s": np.full((1, 1), 0.01, np.float32),
        }
        answers.append(run(given | network(spec, seed).to_numpy())[0])
    assert np.abs(answers[0] - answers[1]).max() > 0.1
    # Only constants of the equations are left in it, none as long as the shortest weight.
    graph = onnx.load_model_from_string(content).graph
    assert max(int(np.prod(tensor.dims)) for tensor in graph.initializer) < spec.outputs


def test_the_file_says_what_it_is_and_nothing_of_where_it_was_made():
    spec = small_spec("ltc", "fused")
    form = window_form(spec, network(spec, 0).to_numpy())
    content = onnx_content(form, {"fingerprint": "f" * 64})
    model = onnx.load_model_from_string(content)
    said = json.loads({item.key: item.value for item in model.metadata_props}["liquid_adapt"])
    assert said["fingerprint"] == "f" * 64
    assert said["opset"] == OPSET == model.opset_import[0].version
    assert said["shapes"]["sequence"] == [1, "time", spec.features]
    assert said["shapes"]["core.tau_raw"] == [spec.hidden]
    sizes = [
        size.dim_param or size.dim_value
        for size in model.graph.input[1].type.tensor_type.shape.dim
    ]
    assert model.graph.input[1].name == "sequence" and sizes == [1, "time", spec.features]
    assert b".py" not in content


@pytest.mark.parametrize("solver", ["dopri5", "dopri5_adjoint"])
def test_a_solver_that_chooses_its_steps_is_refused_with_those_that_can_be_exported(solver):
    spec = small_spec("liquid_ode", solver)
    with pytest.raises(ValueError, match=f"solver '{solver}' chooses .* with rk4, euler"):
        step_form(spec, network(spec, 0).to_numpy())


def test_weights_of_another_network_are_refused():
    spec = small_spec("liquid_ode", "rk4")
    params = network(spec, 0).to_numpy()
    del params["core.bias"]
    with pytest.raises(ValueError, match=r"missing tensors \['core.bias'\]"):
        step_form(spec, params)
