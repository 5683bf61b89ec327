"""What the benchmark measures of our networks is really computed; and its arithmetic."""

import dataclasses
import time

import numpy as np
import pytest
import torch
from made_up_bench import TINY, WORKLOAD

from liquid_adapt_ros.lnn import LiquidNetwork
from liquid_adapt_ros.tools.bench.accuracy import gradient_error
from liquid_adapt_ros.tools.bench.design_tables import evaluations_per_sample
from liquid_adapt_ros.tools.bench.growth import line, slope
from liquid_adapt_ros.tools.bench.plain_form import plain_network
from liquid_adapt_ros.tools.bench.readouts import our_update, peer_updates
from liquid_adapt_ros.tools.bench.sequence_task import SequenceTask, compare, our_networks
from liquid_adapt_ros.tools.bench.settings import SequenceSettings, TrackingSettings
from liquid_adapt_ros.tools.bench.steps import OURS, STEP_CELLS, our_steps, plain_step
from liquid_adapt_ros.tools.bench.timing import Timing, interleaved, ratios
from liquid_adapt_ros.tools.bench.tracking_task import BeltObjects, TrackingTask
from liquid_adapt_ros.tools.bench.windows import our_windows, training_step, window_gradient


def ignore(done, total):
    pass


def test_each_subject_has_its_turn_in_each_round():
    called = []
    subjects = {name: lambda name=name: called.append(name) for name in "ab"}
    timings = interleaved(subjects, rounds=3, block_s=0.0, most_per_block=5, update=ignore)
    assert "".join(called) == "aaabbb" + "aabb" * 3  # the first three are the warm-up
    assert timings["a"].runs == 6
    assert timings["a"].min_us <= timings["a"].median_us <= timings["a"].p99_us


def test_a_fast_subject_is_called_more_often_within_a_round():
    timings = interleaved({"fast": lambda: None}, 2, 1.0, most_per_block=7, update=ignore)
    assert timings["fast"].runs == 14


def test_time_in_which_others_have_the_processor_does_not_count():
    timing = interleaved({"sleeps": lambda: time.sleep(0.01)}, 3, 0.0, 2, ignore)["sleeps"]
    assert timing.median_us > 9000.0
    assert timing.cpu_us < 0.5 * timing.median_us


def test_a_ratio_is_the_processor_time_of_the_peer_over_ours():
    ours = Timing(cpu_us=4.0, median_us=5.0, p99_us=100.0, min_us=1.0, runs=3)
    peer = Timing(cpu_us=10.0, median_us=90.0, p99_us=91.0, min_us=9.0, runs=3)
    assert ratios({"peer": peer}, ours) == {"peer": 2.5}


def test_the_slope_is_the_exponent():
    assert slope([50, 100, 200], [5.0, 20.0, 80.0]) == pytest.approx(2.0)


def test_the_line_has_a_fixed_part():
    fitted = line([50, 100, 200], [20.0, 30.0, 50.0])
    assert fitted["fixed_us"] == pytest.approx(10.0)
    assert fitted["each_us"] == pytest.approx(0.2)
    assert fitted["worst_percent"] == pytest.approx(0.0, abs=1e-6)


def test_every_step_answers_finite_outputs_that_change_with_the_state():
    subjects = our_steps(WORKLOAD)
    assert list(subjects)[0] == OURS
    assert len(subjects) == len(STEP_CELLS)
    for call in (*subjects.values(), plain_step(WORKLOAD.spec())):
        first, second = (torch.as_tensor(call()).clone() for _ in range(2))
        assert first.numel() == WORKLOAD.outputs
        assert torch.isfinite(first).all()
        assert not torch.equal(first, second)


def test_every_window_answers_a_positive_loss():
    for call in our_windows(WORKLOAD).values():
        assert float(call()) > 0.0


@pytest.mark.parametrize("build", [LiquidNetwork, plain_network])
def test_a_window_gradient_reaches_every_parameter(build):
    network = build(WORKLOAD.spec())
    window_gradient(network, WORKLOAD.features, WORKLOAD.window)()
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0.0, name


def test_the_training_step_changes_the_weights():
    network = LiquidNetwork(WORKLOAD.spec())
    before = network.to_numpy()
    training_step(network, WORKLOAD.features, WORKLOAD.window)()
    after = network.to_numpy()
    assert all(not np.array_equal(before[name], after[name]) for name in before)


def test_gradients_are_those_of_float64_autograd_but_not_to_the_last_bit():
    assert 0.0 < gradient_error(WORKLOAD, "ltc", "fused") < 1e-4


def test_the_tracked_object_moves_on_after_it_was_seen():
    objects = BeltObjects(140, length=30, step_s=0.01, seed=0)
    features, wanted, seen = objects.draw(np.random.default_rng(0), episodes=3)
    assert features.shape == (3, 30, 140)
    assert wanted.shape == seen.shape == (3, 30, 3)
    moved = (wanted - seen)[..., 0]
    assert np.all(moved > -0.02)  # seen with noise, the belt never runs backwards
    assert moved.mean() > 0.02


def test_training_on_the_tracking_task_lowers_the_error():
    settings = TrackingSettings(steps=60, batch=8, length=40, unscored=10, test_episodes=8)
    task = TrackingTask(WORKLOAD.features, WORKLOAD.step_s, settings)
    spec = WORKLOAD.spec(solver="exponential")
    trained = task.train(spec)
    assert task.error_mm(trained) < 0.7 * task.error_mm(LiquidNetwork(spec, seed=settings.seed))


def test_evaluations_are_counted():
    network = LiquidNetwork(WORKLOAD.spec())
    sequence = torch.zeros(1, 5, WORKLOAD.features)
    assert evaluations_per_sample(network, "rk4", sequence) == 4.0
    assert evaluations_per_sample(network, "exponential", sequence) == 1.0


def sines(length: int) -> np.ndarray:
    angle = 0.3 * np.arange(length)[:, None] * np.array([1.0, 1.7])
    return 5.0 + 3.0 * np.sin(angle)


def test_the_sequence_task_is_learned():
    settings = SequenceSettings(units=8, epochs=15, batch=4, seeds=(0,), test_window=48)
    settings = dataclasses.replace(settings, unscored=12)
    networks = our_networks(channels=2, units=8)
    results = compare(sines(1200), networks, settings, ignore)
    assert results.keys() == networks.keys() | {"persistence"}
    assert results["liquid_ode/rk4"]["test_mse"] < 0.5 * results["persistence"]["test_mse"]
    assert results["liquid_ode/rk4"]["parameters"] == sum(
        value.numel() for value in networks["liquid_ode/rk4"](0).parameters()
    )


def test_normalisation_knows_nothing_of_the_test_part():
    settings = dataclasses.replace(TINY.sequence, window=10, test_window=20)
    series = sines(400)
    changed = series.copy()
    changed[300:] *= 10.0
    before, after = (SequenceTask(item, settings)._train for item in (series, changed))
    assert torch.equal(before, after)


def test_windows_follow_each_other_and_share_their_ends():
    task = SequenceTask(sines(400), dataclasses.replace(TINY.sequence, window=10))
    assert task._train.shape == (29, 11, 2)
    assert torch.equal(task._train[1:, 0], task._train[:-1, -1])


@pytest.mark.parametrize("name", peer_updates(WORKLOAD))
def test_every_peer_comes_to_the_same_readout(name):
    ours, peer = our_update(WORKLOAD)["compiled"], peer_updates(WORKLOAD)[name]
    for _ in range(3):
        # Ours keeps the equations solvable by a millionth of the prior's trace, the peers do not.
        np.testing.assert_allclose(peer(), ours(), rtol=1e-4, atol=1e-6)
