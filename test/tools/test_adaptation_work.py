"""What a piece of the suite's work is made anew for."""

import numpy as np
import pytest

from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.adaptation.work import stream_key, work_key
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
