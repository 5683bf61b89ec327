"""What is kept of the worlds' readouts is what they have in common."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.tools.pretrain.settings import WorldPriorSettings
from liquid_adapt_ros.tools.pretrain.world_prior import _main_directions

OUTPUTS, FEATURES, WORLDS = 2, 4, 30


def moment(rng) -> np.ndarray:
    root = rng.standard_normal((FEATURES, FEATURES))
    return root @ root.T + np.eye(FEATURES)


@given(st.integers(0, 1000))
def test_all_directions_together_are_the_second_moment_of_the_corrections(seed):
    rng = np.random.default_rng(seed)
    corrections = rng.standard_normal((WORLDS, OUTPUTS, FEATURES))
    noise = rng.uniform(0.1, 1.0, OUTPUTS)
    every = WorldPriorSettings(directions=OUTPUTS * FEATURES)
    directions = _main_directions(corrections, noise, moment(rng), every)
    flat, seen = directions.reshape(-1, OUTPUTS * FEATURES), corrections.reshape(WORLDS, -1)
    np.testing.assert_allclose(flat.T @ flat, seen.T @ seen / WORLDS, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 1000))
def test_few_directions_are_enough_where_worlds_differ_in_few(seed):
    rng = np.random.default_rng(seed)
    place = rng.standard_normal((WORLDS, 2))
    corrections = np.tensordot(place, rng.standard_normal((2, OUTPUTS, FEATURES)), 1)
    settings = WorldPriorSettings(directions=2)
    directions = _main_directions(corrections, np.ones(OUTPUTS), moment(rng), settings)
    flat, seen = directions.reshape(2, -1), corrections.reshape(WORLDS, -1)
    np.testing.assert_allclose(flat.T @ flat, seen.T @ seen / WORLDS, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 1000))
def test_what_is_dropped_moves_nominal_outputs_least(seed):
    """In units of what a correction does to outputs where nothing is wrong, against the noise."""
    rng = np.random.default_rng(seed)
    corrections = rng.standard_normal((WORLDS, OUTPUTS, FEATURES))
    noise, held = rng.uniform(0.1, 1.0, OUTPUTS), moment(rng)
    directions = _main_directions(corrections, noise, held, WorldPriorSettings(directions=8))
    scaled = directions / noise[:, None]
    effects = np.einsum("kop,pq,koq->k", scaled, held, scaled)
    assert (np.diff(effects) <= 1e-9 * effects[0]).all()
