"""The export_model command: what it writes and prints, and what it refuses."""

import json
import os

import numpy as np
import onnx
import pytest
import torch
from tiny_model import write_tiny_model

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.onnx_step import ExportedStep
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.export import export
from liquid_adapt_ros.tools.export.__main__ import main
from liquid_adapt_ros.tools.export.export import ExportedFile, write_files
from liquid_adapt_ros.tools.export.policy_files import PACKAGE_METADATA
from liquid_adapt_ros.tools.export.torch_encoder import torch_encoder
from liquid_adapt_ros.tools.pretrain.encoder import ConveyorEncoder
from liquid_adapt_ros.tools.pretrain.export import export_encoder, largest_difference

MODELS = share_folder() / "models"
FILES = [
    "conveyor_encoder.onnx",
    "conveyor_encoder.pt2",
    "policy_step.onnx",
    "policy_step.pt2",
    "policy_window.onnx",
    "policy_window.pt2",
]


def command(model, folder, *options):
    files = ["--model", str(model.model_path), "--encoder", str(model.encoder_path)]
    return main([*files, "--out", str(folder), "--seconds", "0.3", *options])


def metadata(path):
    model = onnx.load(path)
    return json.loads({item.key: item.value for item in model.metadata_props}["liquid_adapt"])


def test_the_shipped_model_is_written_checked_and_described(exported_model):
    assert sorted(path.name for path in exported_model.folder.iterdir()) == FILES
    model = load_policy(MODELS / "conveyor_policy.safetensors")
    for name in (name for name in FILES if name.endswith(".onnx")):
        said = metadata(exported_model.folder / name)
        assert said["fingerprint"] == model.fingerprint
        assert said["spec"] == model.spec.to_dict()
        assert said["opset"] >= 18 and said["shapes"]
        assert name in exported_model.output
        assert f"trtexec --onnx={name} --fp16" in exported_model.output
    assert exported_model.output.count("1e-04") == 4
    assert exported_model.output.count("1e-03") == 2
    assert "--optShapes=sequence:1x200x140,dts_s:1x200" in exported_model.output
    assert "--maxShapes=image:1x4x96x128,points:1x4x24x32" in exported_model.output


@pytest.mark.parametrize("kind", ["policy_step", "policy_window", "conveyor_encoder"])
def test_a_package_says_what_it_is(exported_model, kind):
    said = {PACKAGE_METADATA: ""}
    torch.export.load(exported_model.folder / f"{kind}.pt2", extra_files=said)
    model = load_policy(MODELS / "conveyor_policy.safetensors")
    described = json.loads(said[PACKAGE_METADATA])
    assert described["fingerprint"] == model.fingerprint and described["shapes"]


def test_the_exported_encoder_is_still_the_one_the_model_was_trained_with(exported_model):
    exported = OnnxEncoder(exported_model.folder / "conveyor_encoder.onnx")
    assert exported.sha256 == OnnxEncoder(MODELS / "conveyor_encoder.onnx").sha256


def test_an_encoder_goes_to_onnx_and_back_without_a_change(tmp_path):
    encoder = ConveyorEncoder()
    for name, solved in encoder.named_buffers():
        if name.endswith("running_var"):
            solved.uniform_(0.5, 2.0)
        elif name.endswith(("running_mean", "position_weight", "position_bias")):
            solved.uniform_(-0.5, 0.5)
    export_encoder(encoder, tmp_path / "encoder.onnx")
    again = torch_encoder((tmp_path / "encoder.onnx").read_bytes())
    assert largest_difference(again, OnnxEncoder(tmp_path / "encoder.onnx")) < 1e-4


def test_an_encoder_without_a_torch_form_is_exported_and_said_to_be_unchecked(tmp_path, capsys):
    model = write_tiny_model(tmp_path, cell="cfc", solver="closed_form", hidden=6, head=5)
    assert command(model, tmp_path / "out") == 0
    assert capsys.readouterr().out.count("no torch form") == 2
    assert not (tmp_path / "out" / "conveyor_encoder.pt2").exists()
    step = tmp_path / "out" / "policy_step.onnx"
    ExportedStep(step, model.spec, model.fingerprint).with_weights(model.params)


def test_an_encoder_of_another_model_is_refused(tmp_path, capsys):
    (tmp_path / "other").mkdir()
    model, other = write_tiny_model(tmp_path), write_tiny_model(tmp_path / "other", seed=1)
    options = ("--encoder", str(other.encoder_path))
    assert command(model, tmp_path / "out", *options) == 1
    assert f"{other.encoder_path} is not the encoder that" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_solver_that_can_not_be_exported_is_named(tmp_path, capsys):
    model = write_tiny_model(tmp_path, solver="dopri5")
    assert command(model, tmp_path / "out") == 1
    assert "solver 'dopri5' chooses its steps" in capsys.readouterr().err


def test_a_file_that_is_no_model_is_named(tmp_path, capsys):
    (tmp_path / "noise").write_bytes(b"noise")
    assert main(["--model", str(tmp_path / "noise"), "--out", str(tmp_path / "out")]) == 1
    assert str(tmp_path / "noise") in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0.1", "1e9", "nan"])
def test_a_recording_of_no_sensible_length_is_refused(seconds, capsys):
    with pytest.raises(SystemExit):
        main(["--seconds", seconds])
    assert f"{seconds} is not between 0.2 and 600" in capsys.readouterr().err


@pytest.mark.parametrize("difference", [2e-4, np.nan])
def test_nothing_is_written_where_a_file_differs_from_torch(
    tmp_path, capsys, monkeypatch, difference
):
    def differing(*arguments):
        return difference

    model = write_tiny_model(tmp_path, cell="cfc", solver="closed_form", hidden=6, head=5)
    monkeypatch.setattr(export, "window_difference", differing)
    assert command(model, tmp_path / "out") == 1
    assert f"policy_window.onnx differs from torch by {difference:.2e}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_file_that_can_not_be_replaced_stays_whole(tmp_path, monkeypatch):
    def exported(content):
        return [ExportedFile("policy_step.onnx", content, 0.0, 0.0, 1.0)]

    write_files(exported(b"old"), tmp_path)

    def no_space(*arguments):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="no space left"):
        write_files(exported(b"new content"), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["policy_step.onnx"]
    assert (tmp_path / "policy_step.onnx").read_bytes() == b"old"
