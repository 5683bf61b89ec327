import numpy as np
import pytest
import torch
from streams import PARAMS, SPEC, stream

from liquid_adapt_ros.adaptation.window_training import (
    TrainingSettings,
    WindowTraining,
    fisher_information,
)
from liquid_adapt_ros.adaptation.windows import Windows
from liquid_adapt_ros.lnn import LiquidNetwork

LENGTH = 60
WEIGHT = np.array([1.0, 0.5, 0.0], np.float32)
PLAIN = TrainingSettings(elastic_strength=0.0)


def windows(seed: int, count: int = 3, shift: float = 0.4) -> Windows:
    made_up = stream(count * LENGTH * SPEC.step_s, seed=seed)
    shape = (count, LENGTH, -1)
    return Windows(
        features=made_up.features.reshape(shape),
        dt_s=np.full((count, LENGTH), SPEC.step_s, np.float32),
        hidden_state=np.zeros((count, SPEC.hidden), np.float32),
        target=made_up.target.reshape(shape) + np.float32(shift),
    )


def training(settings=PLAIN, fisher=None) -> WindowTraining:
    return WindowTraining(SPEC, PARAMS, WEIGHT, settings, fisher)


def step(trainer: WindowTraining, batch: Windows) -> float:
    return trainer.step([batch], [np.ones(len(batch), np.float32)])


def test_loss_falls_where_it_is_trained():
    trainer, batch = training(), windows(0)
    before = trainer.error(batch)
    for _ in range(100):
        step(trainer, batch)
    assert trainer.error(batch) < 0.5 * before


def test_error_is_the_huber_loss_of_known_labels_by_output_weight():
    batch = windows(1)
    batch.target[0, :40, 1] = np.nan
    trainer = training()
    with torch.no_grad():
        said = LiquidNetwork(SPEC, PARAMS)(
            torch.from_numpy(batch.features), torch.from_numpy(batch.hidden_state), batch.dt_s
        )[0].numpy()
    off = np.abs(said - batch.target)
    beta = PLAIN.linear_from
    huber = np.where(off < beta, 0.5 * off**2 / beta, off - 0.5 * beta)
    per_window = np.nanmean(huber, axis=1)
    expected = (per_window.mean(axis=0) * WEIGHT).sum() / WEIGHT.sum()
    assert trainer.error(batch) == pytest.approx(expected, rel=1e-4)


def test_output_of_no_weight_and_unknown_labels_teach_nothing():
    batch = windows(2)
    batch.target[..., :2] = np.nan
    trainer = training()
    step(trainer, batch)
    for name, value in trainer.params().items():
        np.testing.assert_array_equal(value, PARAMS[name])


def test_accumulated_batches_are_one_batch():
    """Two batches of one window each, and one of both: the same step, to float32."""
    batch = windows(3, count=2)
    apart, together = training(), training()
    ones = np.ones(1, np.float32)
    apart.step([batch.select([0]), batch.select([1])], [ones, ones])
    step(together, batch)
    for name, value in together.params().items():
        np.testing.assert_allclose(apart.params()[name], value, atol=1e-6)


def test_fisher_information_is_the_mean_of_squared_gradients():
    """Against central differences of a window's mean squared error, for some weights."""
    batch = windows(4, count=2)
    spec64 = {name: value.astype(np.float64) for name, value in PARAMS.items()}
    fisher = fisher_information(SPEC, PARAMS, batch, WEIGHT)

    def loss(params, index):
        with torch.no_grad():
            said = LiquidNetwork(SPEC, params)(
                torch.from_numpy(batch.features[index : index + 1].astype(np.float64)),
                torch.zeros(1, SPEC.hidden, dtype=torch.float64),
                batch.dt_s[index : index + 1].astype(np.float64),
            )[0][0].numpy()
        squared = np.square(said - batch.target[index]).mean(axis=0)
        return float((squared * WEIGHT).sum() / WEIGHT.sum())

    rng, eps = np.random.default_rng(0), 1e-5
    for name, value in spec64.items():
        place = tuple(int(rng.integers(size)) for size in value.shape)
        gradients = []
        for index in range(2):
            there = []
            for sign in (1.0, -1.0):
                moved = {key: tensor.copy() for key, tensor in spec64.items()}
                moved[name][place] += sign * eps
                there.append(loss(moved, index))
            gradients.append((there[0] - there[1]) / (2.0 * eps))
        assert fisher[name][place] == pytest.approx(np.mean(np.square(gradients)), rel=2e-2)


def test_elastic_pull_keeps_what_mattered():
    """Of two equal trainings the one with EWC stays nearer to the shipped weights, in the metric
    of the Fisher information."""
    fisher = fisher_information(SPEC, PARAMS, windows(5, shift=0.0), WEIGHT)
    moved = {}
    for strength in (0.0, 30.0):
        trainer = training(TrainingSettings(elastic_strength=strength), fisher)
        for _ in range(100):
            step(trainer, windows(6))
        moved[strength] = sum(
            float((fisher[name] * (value - PARAMS[name]) ** 2).sum())
            for name, value in trainer.params().items()
        )
    assert moved[30.0] < 0.5 * moved[0.0]


def test_gradient_that_is_not_finite_changes_nothing():
    batch = windows(7)
    batch.features[0, 0, 0] = np.nan
    trainer = training()
    with pytest.raises(FloatingPointError, match="not finite"):
        step(trainer, batch)
    for name, value in trainer.params().items():
        np.testing.assert_array_equal(value, PARAMS[name])


def test_mixed_precision_is_for_cuda_only():
    assert not TrainingSettings().mixed_precision
    assert TrainingSettings(device="cuda").mixed_precision


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_on_cuda_lowers_the_loss_too():
    fisher = {name: np.ones_like(value) for name, value in PARAMS.items()}
    settings = TrainingSettings(device="cuda", elastic_strength=1e-6)  # there, but no brake
    trainer, batch = training(settings, fisher), windows(0)
    before = trainer.error(batch)
    for _ in range(100):
        step(trainer, batch)
    assert trainer.error(batch) < 0.5 * before


def test_optimiser_goes_on_where_it_was():
    batch = windows(8)
    first, second = training(), training()
    for _ in range(5):
        step(first, batch)
    tensors, steps = first.optimiser_state()
    assert {name: value.shape for name, value in tensors.items()} == first.optimiser_shapes(steps)
    second.go_on_from(first.params())
    second.restore_optimiser(tensors, steps)
    for trainer in (first, second):
        step(trainer, batch)
    for name, value in first.params().items():
        np.testing.assert_allclose(second.params()[name], value, atol=1e-7)
