"""The readout keeps positions; the training of the encoder can be cut off without a trace."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.fusion.preprocess import GRID_HEIGHT, GRID_WIDTH
from liquid_adapt_ros.tools.pretrain.encoder import (
    FEATURES,
    POSITIONS,
    ConveyorEncoder,
    spatial_soft_argmax,
)
from liquid_adapt_ros.tools.pretrain.pictures import PictureBatch, PictureLabels, shuffled_batches
from liquid_adapt_ros.tools.pretrain.settings import EncoderSettings
from liquid_adapt_ros.tools.pretrain.train_encoder import (
    EncoderTrainer,
    augment,
    heatmap_loss,
    position_loss,
)

rows = st.integers(0, GRID_HEIGHT - 1)
columns = st.integers(0, GRID_WIDTH - 1)


def point_map(seed=0):
    points = np.random.default_rng(seed).uniform(-1.0, 2.0, (1, 4, GRID_HEIGHT, GRID_WIDTH))
    points[:, 3] = 1.0
    return torch.tensor(points, dtype=torch.float32)


def votes(voting=0):
    return torch.zeros(1, 3 * voting, GRID_HEIGHT, GRID_WIDTH)


def blob(row, column):
    logits = torch.full((1, 2, GRID_HEIGHT, GRID_WIDTH), -30.0)
    logits[:, :, row, column] = 30.0
    return logits


@settings(deadline=None)  # the first call of torch takes a while
@given(row=rows, column=columns)
def test_the_readout_follows_a_blob_through_the_point_map(row, column):
    points = point_map()
    found = spatial_soft_argmax(blob(row, column), votes(), points).reshape(3, 2)
    expected = points[0, :3, row, column]
    torch.testing.assert_close(found, expected[:, None].expand(3, 2), rtol=0, atol=1e-5)


@given(row=rows, column=columns)
def test_the_readout_moves_with_the_points_not_with_the_pixels(row, column):
    points, shift = point_map(), torch.tensor([0.1, -0.2, 0.3])
    moved = points.clone()
    moved[:, :3] += shift[:, None, None]
    before = spatial_soft_argmax(blob(row, column), votes(), points).reshape(3, 2)
    after = spatial_soft_argmax(blob(row, column), votes(), moved).reshape(3, 2)
    torch.testing.assert_close(after - before, shift[:, None].expand(3, 2), rtol=0, atol=1e-5)


def test_cells_without_depth_do_not_count():
    points = point_map()
    points[:, :, :, ::2] = 0.0
    found = spatial_soft_argmax(torch.zeros(1, 1, GRID_HEIGHT, GRID_WIDTH), votes(), points)
    expected = points[:, :3, :, 1::2].mean(dim=(2, 3))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@given(row=rows, column=columns)
def test_a_heatmap_that_votes_answers_with_what_its_cell_adds(row, column):
    points, added = point_map(), votes(1)
    added[0, :, row, column] = torch.tensor([1.0, -2.0, 0.5])
    found = spatial_soft_argmax(blob(row, column), added, points).reshape(3, 2)
    expected = points[0, :3, row, column]
    millimetres = torch.tensor([50.0, -100.0, 25.0])
    torch.testing.assert_close(found[:, 0] - expected, millimetres / 1000.0, rtol=0, atol=1e-5)
    torch.testing.assert_close(found[:, 1], expected, rtol=0, atol=1e-5)


def test_what_was_not_measured_has_no_vote():
    points, added = point_map(), votes(1)
    points[:, :, :, ::2] = 0.0
    added[:, :, :, ::2] = 1.0
    found = spatial_soft_argmax(torch.zeros(1, 1, GRID_HEIGHT, GRID_WIDTH), added, points)
    expected = points[:, :3, :, 1::2].mean(dim=(2, 3))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_a_picture_without_any_depth_gives_a_finite_embedding():
    encoder = ConveyorEncoder().eval()
    with torch.no_grad():
        embedding = encoder(torch.zeros(1, 4, 96, 128), torch.zeros(1, 4, 24, 32))
    assert embedding.shape == (1, FEATURES)
    assert torch.isfinite(embedding).all()
    assert (embedding[:, :96] == 0.0).all()


def test_positions_are_read_out_of_all_features():
    encoder = ConveyorEncoder().eval()
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 4, 96, 128, generator=generator) - 0.5
    points = point_map().repeat(2, 1, 1, 1)
    weight = torch.randn(POSITIONS, FEATURES, generator=generator)
    bias = torch.randn(POSITIONS, generator=generator)
    with torch.no_grad():
        features = encoder.features(encoder.look(image, points), points)
        before = encoder(image, points)
        for item in range(3):
            rows = slice(3 * item, 3 * item + 3)
            encoder.read_position(item, weight[rows].numpy(), bias[rows].numpy())
        after = encoder(image, points)
    # Before, target, next object and tool are what their own heatmaps answer.
    own = torch.stack([features[:, item:96:32] for item in range(3)], dim=1)
    torch.testing.assert_close(before[:, :9], own.flatten(1))
    torch.testing.assert_close(after[:, :9], features @ weight.T + bias, rtol=1e-5, atol=1e-4)
    others = [index for index in range(128) if index >= 96 or index % 32 >= 3]
    torch.testing.assert_close(after[:, 9:], features[:, others])
    torch.testing.assert_close(before[:, 9:], after[:, 9:])


def test_the_heatmap_loss_is_least_where_the_object_is():
    cell = torch.tensor([[10.0, 7.0]])
    at = heatmap_loss(blob(7, 10)[:, 0] / 10.0, cell)
    beside = heatmap_loss(blob(7, 11)[:, 0] / 10.0, cell)
    assert at < beside
    assert heatmap_loss(blob(7, 10)[:, 0], torch.full((1, 2), torch.nan)) == 0.0


def test_unknown_positions_do_not_count():
    truth = torch.tensor([[0.1, 0.2, 0.3], [torch.nan] * 3])
    said = torch.zeros(2, 3, requires_grad=True)
    position_loss(said, truth).backward()
    assert (said.grad[0] != 0.0).all()
    assert (said.grad[1] == 0.0).all()
    assert position_loss(said, torch.full((2, 3), torch.nan)) == 0.0


def test_augmentation_leaves_depth_alone_and_colours_in_range():
    image = torch.rand(4, 4, 8, 8) - 0.5
    depth = image[:, 3].clone()
    changed = augment(image.clone(), torch.Generator().manual_seed(1))
    assert torch.equal(changed[:, 3], depth)
    assert not torch.equal(changed[:, :3], image[:, :3])
    assert changed[:, :3].abs().max() <= 0.5


@settings(max_examples=20, deadline=None)
@given(first=st.integers(0, 19), seed=st.integers(0, 100))
def test_batches_go_on_where_they_were_cut_off(first, seed):
    whole = list(shuffled_batches(50, 8, 20, seed))
    rest = list(shuffled_batches(50, 8, 20, seed, first))
    assert len(whole) == 20
    for expected, found in zip(whole[first:], rest, strict=True):
        np.testing.assert_array_equal(found, expected)


def random_batch(seed):
    rng = np.random.default_rng(seed)
    positions = {
        name: rng.uniform(-0.5, 0.5, (4, 3)).astype(np.float32)
        for name in ("target", "second", "tool")
    }
    cells = {f"{name}_cell": rng.uniform(0, 20, (4, 2)).astype(np.float32) for name in positions}
    labels = PictureLabels(**positions, **cells, holding=np.ones(4, np.float32))
    image = rng.uniform(-0.5, 0.5, (4, 4, 96, 128)).astype(np.float32)
    points = rng.uniform(0.0, 1.0, (4, 4, 24, 32)).astype(np.float32)
    return PictureBatch(image, points, labels)


def train(trainer, first, steps):
    for number in range(first, steps):
        trainer.step(random_batch(number), number)


@pytest.mark.parametrize("cut_off_after", [1, 2])
def test_training_cut_off_ends_with_the_same_weights(tmp_path, cut_off_after):
    plan = EncoderSettings(epochs=1.0, batch=4)
    whole = EncoderTrainer(plan, pictures=12, seed=0)
    train(whole, 0, 3)

    first = EncoderTrainer(plan, pictures=12, seed=0)
    train(first, 0, cut_off_after)
    first.checkpoint(tmp_path / "c.pt", 1e9).save(cut_off_after)
    second = EncoderTrainer(plan, pictures=12, seed=1)
    done = second.checkpoint(tmp_path / "c.pt", 1e9).restore()
    assert done == cut_off_after
    train(second, done, 3)

    for name, value in whole.encoder.state_dict().items():
        torch.testing.assert_close(second.encoder.state_dict()[name], value, msg=name)
