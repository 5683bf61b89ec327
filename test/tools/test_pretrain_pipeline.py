"""The whole of pretraining, tiny: what it writes, what it skips, how it goes on when cut off."""

import dataclasses

import numpy as np
import pytest
from pretrain_tiny import TINY, CutOff, tiny_pipeline

from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.sim.ur5e import JOINT_NAMES
from liquid_adapt_ros.tools.pretrain.evaluate import RuntimeStack

TITLES = [
    "episodes",
    "encoder",
    "embeddings",
    "first core and head",
    "first policy drives",
    "driven embeddings",
    "positions",
    "core and head",
    "held-out, planner drives",
    "held-out, policy drives",
]


@pytest.fixture(scope="module")
def cut_off_and_finished(tmp_path_factory):
    """A run cut off in the training of core and head, then run again to its end."""
    folder = tmp_path_factory.mktemp("pretrain")
    first, first_titles = tiny_pipeline(folder, cut_off_in="core and head")
    with pytest.raises(CutOff):
        first.run()
    second, second_titles = tiny_pipeline(folder)
    results = second.run()
    return folder, first_titles, second_titles, results


def test_a_run_cut_off_goes_on_with_the_stage_it_was_in(cut_off_and_finished):
    _, first_titles, second_titles, _ = cut_off_and_finished
    cut = TITLES.index("core and head")
    assert first_titles == TITLES[: cut + 1]
    assert second_titles == TITLES[cut:]


def test_the_first_policy_is_trained_further_not_anew(cut_off_and_finished):
    folder, _, _, _ = cut_off_and_finished
    first, positions, policy = (
        load_policy(folder / "work" / stage / "conveyor_policy.safetensors").params
        for stage in ("first_policy", "positions", "policy")
    )
    # AdamW moves a weight by about the learning rate in a step at most; there are two steps.
    for before, after, settings in (
        (first, positions, TINY.refine_positions),
        (positions, policy, TINY.refine),
    ):
        change = max(np.abs(after[name] - before[name]).max() for name in before)
        assert 0.0 < change < 3.0 * settings.learning_rate


def test_the_model_written_is_whole_and_belongs_to_its_encoder(cut_off_and_finished):
    folder, _, _, _ = cut_off_and_finished
    model = load_policy(folder / "models" / "conveyor_policy.safetensors")
    encoder = OnnxEncoder(folder / "models" / "conveyor_encoder.onnx")
    assert model.encoder_sha256 == encoder.sha256
    assert model.spec.joint_names == JOINT_NAMES
    assert encoder.size == model.spec.inputs.embedding
    RuntimeStack(
        folder / "models" / "conveyor_policy.safetensors",
        folder / "models" / "conveyor_encoder.onnx",
    )


def test_the_nominal_set_knows_how_its_worlds_differ(cut_off_and_finished):
    folder, _, _, results = cut_off_and_finished
    path = folder / "models" / "conveyor_policy_nominal.safetensors"
    spec = load_policy(folder / "models" / "conveyor_policy.safetensors").spec
    prior = NominalSet.load(path, spec.features, spec.hidden, spec.shapes()).world
    # No more directions than worlds: those recorded and those that the first policy drove.
    assert len(prior.directions) == TINY.data.worlds + TINY.driven.worlds
    assert len(prior.directions) == results["nominal set"]["directions"]
    assert np.isfinite(prior.directions).all() and prior.directions.any()


def test_onnx_runtime_and_torch_agree(cut_off_and_finished):
    _, _, _, results = cut_off_and_finished
    assert results["encoder"]["onnx_difference"] <= 1e-3


def test_the_encoder_is_one_small_file(cut_off_and_finished):
    folder, _, _, _ = cut_off_and_finished
    assert (folder / "models" / "conveyor_encoder.onnx").stat().st_size < 4e6


def test_the_card_tells_the_measured_error(cut_off_and_finished):
    folder, _, _, results = cut_off_and_finished
    card = (folder / "models" / "README.md").read_text()
    error_mm = 1000.0 * results["evaluation"]["planner"]["position_rmse_m"]
    assert f"{error_mm:.1f} mm" in card
    assert f"{TINY.data.episodes} simulated episodes" in card
    assert np.isfinite(error_mm)


def test_a_finished_run_is_not_repeated(cut_off_and_finished):
    folder, _, _, results = cut_off_and_finished
    again, titles = tiny_pipeline(folder)
    assert again.run() == results
    assert titles == []


def test_an_encoder_can_be_kept(cut_off_and_finished, tmp_path):
    folder, _, _, _ = cut_off_and_finished
    encoder = folder / "models" / "conveyor_encoder.onnx"
    pipeline, titles = tiny_pipeline(tmp_path)
    dataclasses.replace(pipeline, kept_encoder=encoder).run()
    assert "encoder" not in titles
    assert (tmp_path / "models" / encoder.name).read_bytes() == encoder.read_bytes()
    model = load_policy(tmp_path / "models" / "conveyor_policy.safetensors")
    assert model.encoder_sha256 == OnnxEncoder(encoder).sha256
    assert "kept as it was" in (tmp_path / "models" / "README.md").read_text()
