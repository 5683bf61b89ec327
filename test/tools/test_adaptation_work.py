"""The suite's command is cut off as a user does it."""

import os
import signal
import subprocess
import sys

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


def test_ctrl_c_ends_it_at_once_and_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "liquid_adapt_ros.tools.adaptation", "--quick"]
    suite = subprocess.Popen(
        [*command, "--out", str(tmp_path), "--processes", "1", "--seeds", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"COLUMNS": "100", "FORCE_COLOR": "1", "TERM": "xterm"},
    )
    while suite.stdout.read(1) not in ("s", ""):  # of "streams": the first bar is there
        pass
    os.killpg(suite.pid, signal.SIGINT)
    said, errors = suite.communicate(timeout=60)
    assert suite.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in errors
