"""What a piece of the suite's work is made anew for, and in which order pieces are done."""

import functools
import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.adaptation.work import stream_key, work_key, work_off
from liquid_adapt_ros.weights.model_file import ModelFile

MODELS = share_folder() / "models"


@pytest.fixture
def models(tmp_path):
    """The shipped policy in a folder of its own, to be changed."""
    path = tmp_path / "conveyor_policy.safetensors"
    path.write_bytes((MODELS / path.name).read_bytes())
    return tmp_path


def changed(models, kind: str, name: str) -> None:
    path = models / "conveyor_policy.safetensors"
    model = load_policy(path)
    parts = {"params": model.params, "norm": model.norm}
    parts[kind][name] = parts[kind][name] + np.float32(0.01)
    ModelFile(model.spec.to_dict(), **parts, encoder_sha256=model.encoder_sha256).save(path)


def test_streams_are_recorded_anew_for_another_normalisation_but_not_for_other_weights(models):
    streams, figures = stream_key(models), work_key(models)
    changed(models, "params", "readout.bias")
    assert stream_key(models) == streams
    assert work_key(models) != figures
    changed(models, "norm", "norm.feature_mean")
    assert stream_key(models) != streams


def test_a_stage_finds_what_the_one_before_it_has_made(tmp_path):
    written = io.StringIO()

    def first():
        return [functools.partial(Path.touch, tmp_path / str(number)) for number in range(25)]

    def second():
        return [path.unlink for path in tmp_path.iterdir()]

    work_off({"touch": first, "unlink": second, "none": list}, 1, Console(file=written))
    assert not list(tmp_path.iterdir())
    for title in ("touch", "unlink"):
        assert f"{title}: 25 of 25" in written.getvalue().splitlines()
