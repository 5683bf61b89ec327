import numpy as np
import pytest
from problems import (
    COMPILED,
    irregular_steps,
    random_params,
    random_window,
    run_window,
    small_spec,
)

from liquid_adapt_ros.lnn import NetworkSpec, StreamingStep, initial_params
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream


# Round-off of some tens of additions, grown over 200 steps.
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-11), (np.float32, 2e-5)])
@pytest.mark.parametrize("cell, solver", COMPILED)
def test_streaming_equals_the_window_form_across_a_swap_at_irregular_times(
    cell, solver, dtype, tolerance
):
    for changes in ({"hidden": 64}, {"head": 0, "substeps": 2}):
        spec = small_spec(cell, solver, **changes)
        weights = [random_params(spec, seed, dtype) for seed in (7, 8)]
        hidden_state, features = random_window(spec, 1, 200, seed=8, dtype=dtype)
        dts = irregular_steps(spec, 1, 200, seed=9)
        before = run_window(spec, weights[0], hidden_state, features[:, :80], dts[:, :80])
        after = run_window(spec, weights[1], before[1][:, -1], features[:, 80:], dts[:, 80:])
        outputs, states = (
            np.concatenate(pair, axis=1)[0] for pair in zip(before, after, strict=True)
        )
        streaming, state = StreamingStep(spec, weights[0]), hidden_state[0].copy()
        for t in range(200):
            if t == 80:
                streaming = StreamingStep(spec, weights[1])
            output, finite = streaming(state, features[0, t], dts[0, t])
            assert finite
            for value, expected in ((state, states), (output, outputs)):
                largest = max(1.0, np.abs(expected).max())
                np.testing.assert_allclose(value, expected[t], rtol=0.0, atol=tolerance * largest)


def test_parts_of_a_step_are_shorter_steps_with_the_input_held():
    spec = small_spec("liquid_ode", "rk4")
    params = random_params(spec, seed=9)
    hidden_state, features = random_window(spec, 1, 1, seed=10)
    held = np.repeat(features, 4, axis=1)
    outputs, states = run_window(spec, params, hidden_state, held, 0.01)
    state = hidden_state[0].copy()
    output, _ = StreamingStep(spec, params)(state, features[0, 0], 0.04, 4)
    np.testing.assert_allclose(state, states[0, -1], rtol=1e-12)
    np.testing.assert_allclose(output, outputs[0, -1], rtol=1e-10)


def test_step_is_not_touched_by_later_changes_of_the_arrays_it_was_built_from():
    spec = small_spec("ltc", "fused")
    params = random_params(spec, seed=9)
    hidden_state, features = random_window(spec, 1, 1, seed=10)
    streaming = StreamingStep(spec, params)
    before = streaming(hidden_state[0].copy(), features[0, 0], 0.01)[0].copy()
    for tensor in params.values():
        tensor[...] = 1e6
    np.testing.assert_array_equal(streaming(hidden_state[0], features[0, 0], 0.01)[0], before)


@pytest.mark.parametrize("head", [0, 8])
def test_another_readout_is_the_only_thing_that_changes(head):
    spec = small_spec("liquid_ode", "rk4", head=head)
    params, others = (random_params(spec, seed) for seed in (9, 11))
    hidden_state, features = random_window(spec, 1, 1, seed=10)
    names = ("readout.weight", "readout.bias")
    changed = params | {name: others[name] for name in names}
    streaming = StreamingStep(spec, params)
    streaming.set_readout(*(others[name] for name in names))
    state, same = hidden_state[0].copy(), hidden_state[0].copy()
    output, _ = streaming(state, features[0, 0], 0.01)
    np.testing.assert_array_equal(
        output, StreamingStep(spec, changed)(same, features[0, 0], 0.01)[0]
    )
    np.testing.assert_array_equal(state, same)
    with pytest.raises(ValueError, match="readout has"):
        streaming.set_readout(others["readout.weight"][:-1], others["readout.bias"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("cell, solver", [("liquid_ode", "rk4"), ("cfc", "closed_form")])
def test_input_that_is_not_finite_is_told_and_leaves_the_state(cell, solver, bad):
    spec = small_spec(cell, solver)
    hidden_state, features = random_window(spec, 1, 1, seed=10, dtype=np.float32)
    features[0, 0, 2] = bad
    streaming = StreamingStep(spec, initial_params(spec, np.random.default_rng(0)))
    state = hidden_state[0].copy()
    _, finite = streaming(state, features[0, 0], 0.01)
    # An infinite input saturates the core but not the head, which is linear in it.
    assert not finite
    np.testing.assert_array_equal(state, hidden_state[0])


def test_arrays_of_another_kind_are_refused():
    spec = small_spec("liquid_ode", "rk4")
    streaming = StreamingStep(spec, initial_params(spec, np.random.default_rng(0)))
    state, features = np.zeros(5, np.float32), np.zeros(6, np.float32)
    with pytest.raises(TypeError):
        streaming(state, features.astype(np.float64), 0.01)
    with pytest.raises(ValueError, match="features has 5 numbers, expected 6"):
        streaming(state, features[:5].copy(), 0.01)
    with pytest.raises(ValueError, match="state has 4 numbers, expected 5"):
        streaming(state[:4].copy(), features, 0.01)


def test_solver_without_a_kernel_is_refused():
    spec = NetworkSpec(3, 2, hidden=4, solver="dopri5")
    with pytest.raises(ValueError, match="no kernel for cell 'liquid_ode' with solver 'dopri5'"):
        StreamingStep(spec, initial_params(spec, np.random.default_rng(0)))


def test_weights_of_another_precision_are_refused():
    spec = NetworkSpec(3, 2, hidden=4)
    params = initial_params(spec, np.random.default_rng(0))
    half = {name: value.astype(np.float16) for name, value in params.items()}
    with pytest.raises(ValueError, match="float32 or float64, got float16"):
        StreamingStep(spec, half)


@pytest.mark.parametrize("cell, solver", COMPILED)
@pytest.mark.parametrize("seed", range(3))
def test_fresh_weights_give_states_and_outputs_of_order_one(cell, solver, seed):
    rng = np.random.default_rng(seed)
    spec = NetworkSpec(140, 12, hidden=64, head=64, cell=cell, solver=solver, step_s=0.004)
    slow = np.repeat(rng.standard_normal((8, 5, 140)), 100, axis=1).astype(np.float32)
    start = np.zeros((8, 64), np.float32)
    outputs, states = run_window(spec, initial_params(spec, rng), start, slow)
    assert 0.2 < states[:, 100:].std() < 3.0
    assert 0.2 < outputs[:, 100:].std() < 2.0


@pytest.mark.parametrize("head", [0, 24])
@pytest.mark.parametrize("cell, solver", COMPILED)
def test_fresh_weights_answer_zero_where_the_input_has_long_been_zero(cell, solver, head):
    spec = small_spec(cell, solver, head=head, hidden=32)
    params = initial_params(spec, np.random.default_rng(1))
    silent = np.zeros((1, 2000, spec.features), np.float32)
    outputs, _ = run_window(spec, params, np.zeros((1, 32), np.float32), silent)
    assert np.abs(outputs[0, -1]).max() < 0.02


@pytest.mark.parametrize(
    "dt_s, steps, message",
    [
        (0.0, 1, "dt_s must be positive and finite, got 0.0"),
        (float("nan"), 1, "dt_s must be positive and finite, got nan"),
        (0.01, 0, "steps must be at least 1, got 0"),
        (0.05, 1, "unstable: dt = 0.05 s over tau_min = 0.01 s"),
        (0.06, 2, "unstable: dt = 0.03 s over tau_min = 0.01 s"),
    ],
)
def test_time_that_does_not_run_forward_or_is_too_long_is_refused(dt_s, steps, message):
    spec = small_spec("liquid_ode", "rk4")
    streaming = StreamingStep(spec, initial_params(spec, np.random.default_rng(0)))
    state = np.zeros(5, np.float32)
    with pytest.raises(ValueError, match=message):
        streaming(state, np.ones(6, np.float32), dt_s, steps)
    assert not state.any()


def test_streams_that_start_from_one_state_go_on_alike():
    spec = small_spec("liquid_ode", "fused")
    params = random_params(spec, seed=12, dtype=np.float32)
    features = random_window(spec, 1, 20, seed=13)[1][0]
    first, second = (StatefulStream(spec, params) for _ in range(2))
    for row in features[:10]:
        first.step(row, spec.step_s)
    second.start_from(first.hidden_state)
    for row in features[10:]:
        said = first.step(row, spec.step_s)[0].copy()
        np.testing.assert_array_equal(said, second.step(row, spec.step_s)[0])
