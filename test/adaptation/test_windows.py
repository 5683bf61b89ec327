from dataclasses import replace

import numpy as np
import pytest
from streams import PARAMS, SPEC

from liquid_adapt_ros.adaptation.windows import NominalSet, Reservoir, Windows
from liquid_adapt_ros.adaptation.world_bank import WorldPrior
from liquid_adapt_ros.weights.codec import WeightFormatError

LENGTH = 6


def windows(count: int, mark: float = 0.0) -> Windows:
    target = np.full((count, LENGTH, SPEC.outputs), mark, np.float32)
    target[:, 0] = np.nan
    return Windows(
        features=np.full((count, LENGTH, SPEC.features), mark, np.float32),
        dt_s=np.full((count, LENGTH), 0.01, np.float32),
        hidden_state=np.full((count, SPEC.hidden), mark, np.float32),
        target=target,
    )


def test_reservoir_keeps_each_window_ever_offered_with_the_same_chance():
    """10 of 40 are kept: over 2000 trials each window is kept 500 times, give or take 4.5
    standard deviations of a binomial (19.4), which 40 windows exceed once in 3700 runs."""
    kept = np.zeros(40)
    for trial in range(2000):
        reservoir = Reservoir(10, np.random.default_rng(trial))
        for number in range(40):
            reservoir.offer(windows(1, number))
        assert len(reservoir) == 10
        np.add.at(kept, reservoir.windows.features[:, 0, 0].astype(int), 1)
    assert np.abs(kept - 500).max() < 88


def test_reservoir_gives_what_it_has():
    reservoir = Reservoir(3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="empty"):
        reservoir.draw(1)
    reservoir.offer(windows(1, 1.0))
    assert len(reservoir.draw(5)) == 1
    reservoir.offer(windows(1, 2.0))
    drawn = reservoir.draw(2)
    assert sorted(drawn.features[:, 0, 0]) == [1.0, 2.0]


def test_start_of_a_window_can_be_left_unlabelled():
    cut = windows(2, 1.0).without_start(3)
    assert np.isnan(cut.target[:, :3]).all() and not np.isnan(cut.target[:, 3:]).any()


@pytest.fixture
def saved(tmp_path):
    fisher = {name: np.abs(value) for name, value in PARAMS.items()}
    path = tmp_path / "nominal.safetensors"
    outputs, read = SPEC.shapes()["readout.weight"]
    directions = np.random.default_rng(0).standard_normal((2, outputs, read + 1))
    world = WorldPrior(directions.astype(np.float32), np.full(outputs, 0.5, np.float32))
    nominal = NominalSet("abc", windows(4, 0.5), fisher, world)
    nominal.save(path)
    return path, nominal


def test_nominal_set_survives_the_disk(saved):
    path, nominal = saved
    read = NominalSet.load(path, SPEC.features, SPEC.hidden, SPEC.shapes())
    assert read.fingerprint == "abc"
    for name in ("features", "dt_s", "hidden_state", "target"):
        np.testing.assert_array_equal(getattr(read.windows, name), getattr(nominal.windows, name))
    assert read.fisher.keys() == PARAMS.keys()
    for name, value in nominal.fisher.items():
        np.testing.assert_array_equal(read.fisher[name], value)
    np.testing.assert_array_equal(read.world.directions, nominal.world.directions)
    np.testing.assert_array_equal(read.world.noise, nominal.world.noise)


def test_nominal_set_need_not_know_of_worlds(saved):
    path, nominal = saved
    replace(nominal, world=None).save(path)
    assert NominalSet.load(path, SPEC.features, SPEC.hidden, SPEC.shapes()).world is None


def test_nominal_set_of_another_network_is_refused(saved):
    path, _ = saved
    with pytest.raises(WeightFormatError, match="features: shape"):
        NominalSet.load(path, SPEC.features + 1, SPEC.hidden, SPEC.shapes())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightFormatError):
        NominalSet.load(path, SPEC.features, SPEC.hidden, SPEC.shapes())
