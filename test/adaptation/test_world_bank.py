import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import PARAMS, SPEC, follow, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.engine_state import engine_state, restore_engine, state_shapes
from liquid_adapt_ros.adaptation.readout_adaptation import Labels, ReadoutAdaptation
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.windows import NominalSet, Windows
from liquid_adapt_ros.adaptation.world_bank import WorldBank, WorldPrior

DIRECTIONS, OUTPUTS, FEATURES = 3, 2, 5


def prior(seed: int) -> WorldPrior:
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((DIRECTIONS, OUTPUTS, FEATURES))
    return WorldPrior(directions, rng.uniform(0.1, 1.0, OUTPUTS))


def samples(seed: int, count: int):
    """phi, residuals of which some are unknown, how much labels count, how they age the past."""
    rng = np.random.default_rng(seed)
    residual = rng.standard_normal((count, OUTPUTS))
    residual[rng.random(residual.shape) < 0.3] = np.nan
    counts = rng.uniform(0.05, 1.0, residual.shape)
    return rng.standard_normal((count, FEATURES)), residual, counts, rng.uniform(0.0, 0.5, count)


@given(st.integers(0, 1000), st.integers(1, 30), st.floats(0.5, 20.0), st.floats(2.0, 100.0))
def test_it_is_the_posterior_mean_of_a_worlds_coordinates(seed, count, strength, memory):
    """Against least squares on one row for each label and one for each coordinate."""
    world, (phi, residual, counts, ages) = prior(seed), samples(seed + 1, count)
    bank = WorldBank(world, [memory], [strength])
    bank.learn(phi, residual, counts, ages)
    aged = ages / OUTPUTS * (~np.isnan(residual)).sum(axis=1)
    rows, wanted = [], []
    for n, o in np.argwhere(~np.isnan(residual)):
        # A sample ages the past by its labels one after the other.
        place = (~np.isnan(residual[n, : o + 1])).sum() * ages[n] / OUTPUTS
        since = aged[n:].sum() - place
        weight = np.sqrt(counts[n, o] * np.exp(-since / memory)) / world.noise[o]
        rows.append(weight * world.directions[:, o] @ phi[n])
        wanted.append(weight * residual[n, o])
    rows += list(np.sqrt(strength) * np.eye(DIRECTIONS))
    wanted += [0.0] * DIRECTIONS
    place = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
    expected = np.tensordot(place, world.directions, 1)
    # The bank adds a millionth to its system to keep it solvable.
    np.testing.assert_allclose(bank.corrections()[0], expected, rtol=1e-4, atol=1e-4)


@given(st.integers(0, 1000), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_batches_of_any_size_come_to_the_same(seed, sizes):
    world = prior(seed)
    phi, residual, counts, ages = samples(seed, sum(sizes))
    whole, parts = (WorldBank(world, [5.0, 50.0], [1.0, 2.0]) for _ in range(2))
    whole.learn(phi, residual, counts, ages)
    for rows in np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]):
        parts.learn(phi[rows], residual[rows], counts[rows], ages[rows])
    np.testing.assert_allclose(parts.corrections(), whole.corrections(), rtol=1e-7, atol=1e-9)


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="noise must be positive"):
        WorldPrior(prior(0).directions, np.array([1.0, 0.0]))
    with pytest.raises(ValueError, match="must be"):
        WorldPrior(prior(0).directions, np.ones(OUTPUTS + 1))
    with pytest.raises(ValueError, match="directions of worlds"):
        AdaptationEngine(SPEC, PARAMS, shipped(prior(0)))


def test_samples_that_count_this_time_come_to_the_same_as_learned_and_leave_nothing_behind():
    banks = [WorldBank(prior(0), [10.0, 50.0], [1.0, 2.0]) for _ in range(2)]
    for bank in banks:
        bank.learn(*samples(0, 10))
    before = banks[0].corrections()
    phi, residual, counts, _ = samples(1, 10)
    together = banks[0].corrections(phi, residual, counts)
    banks[1].learn(phi, residual, counts, np.zeros(10))
    np.testing.assert_allclose(together, banks[1].corrections(), rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(banks[0].corrections(), before)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_labels_of_one_output_correct_the_others(seed):
    """Twenty labels of output 0 in a world of its prior: output 1 is corrected by them, which
    estimates of each output by itself can't do."""
    world = WorldPrior(prior(seed).directions, np.full(OUTPUTS, 0.05))
    rng = np.random.default_rng(seed)
    change = np.tensordot(rng.standard_normal(DIRECTIONS), world.directions, 1)
    phi = rng.standard_normal((20, FEATURES))
    target = phi @ change.T
    target[:, 1] = np.nan
    left = []
    for knows in (world, None):
        adaptation = ReadoutAdaptation(np.zeros((OUTPUTS, FEATURES)), ReadoutSettings(), knows)
        predicted = np.stack([adaptation.predict(row) for row in phi])
        unknown = np.full_like(target, np.nan)
        ones = np.ones(len(phi))
        each = np.ones_like(target)
        said = {"learned": unknown, "mixed": unknown, "carried": unknown}
        labels = Labels(ones, phi, target, predicted, **said, independent=each, apart=0.0 * each)
        adaptation.learn(labels)
        adaptation.solve(np.eye(FEATURES))
        estimates = np.stack([adaptation.predict(row) for row in phi])[:, :, 1]
        off = estimates - (phi @ change.T)[:, 1, None]
        left.append(np.sqrt(np.mean(np.square(off), axis=0)).min())
    wrong_at_first = np.sqrt(np.mean(np.square((phi @ change.T)[:, 1])))
    assert left[0] < 0.3 * wrong_at_first
    assert left[1] > 0.99 * wrong_at_first


def shipped(world: WorldPrior | None) -> NominalSet:
    """Some nominal windows of the made-up network."""
    made_up = stream(1.2, seed=9)
    shape = (2, 60, -1)
    windows = Windows(
        features=made_up.features.reshape(shape),
        dt_s=np.full((2, 60), SPEC.step_s, np.float32),
        hidden_state=np.zeros((2, SPEC.hidden), np.float32),
        target=made_up.target.reshape(shape),
    )
    fisher = {name: np.ones_like(value) for name, value in PARAMS.items()}
    return NominalSet("", windows, fisher, world)


def worlds_of_the_made_up_stream() -> WorldPrior:
    """Its change, among others that have the same size."""
    weight, bias = PARAMS["readout.weight"], PARAMS["readout.bias"]
    readout = np.concatenate([weight, bias[:, None]], axis=1).astype(np.float64)
    turn = 0.5 * np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    change = turn.T @ readout
    change[:, -1] += [0.5, -0.3, 0.4]
    rng = np.random.default_rng(5)
    others = rng.standard_normal((7, *change.shape)) * np.std(change)
    return WorldPrior(np.concatenate([change[None], others]), np.full(SPEC.outputs, 0.02))


def error_after_a_change(**readout) -> float:
    made_up = stream(6.0, seed=4, change_s=4.0)
    settings = EngineSettings(readout=ReadoutSettings(**readout))
    nominal = shipped(worlds_of_the_made_up_stream())
    said, _ = follow(AdaptationEngine(SPEC, PARAMS, nominal, settings), made_up)
    return float(np.sqrt(np.mean(np.square(said[500:600] - made_up.target[500:600]))))


def test_an_engine_that_knows_worlds_is_right_sooner():
    """1 to 2 s after a change: labels come 0.3 s late, and what was said before them is judged
    another 0.3 s later."""
    assert error_after_a_change() < 0.7 * error_after_a_change(world_memories=(), world_priors=())


def test_what_is_known_of_the_world_is_part_of_the_state():
    nominal = shipped(worlds_of_the_made_up_stream())
    one, other = (AdaptationEngine(SPEC, PARAMS, nominal) for _ in range(2))
    follow(one, stream(3.0, seed=4, change_s=1.0))
    tensors, description = engine_state(one)
    shapes = state_shapes(other, description)
    assert {name: value.shape for name, value in tensors.items()} == shapes
    restore_engine(other, tensors, description)
    restored, _ = engine_state(other)
    for name in ("information", "cross"):
        key = f"0.readout.world.{name}"
        assert tensors[key].any()
        np.testing.assert_array_equal(restored[key], tensors[key])
