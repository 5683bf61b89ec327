import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from liquid_adapt_ros.weights.atomic_file import write_atomically
from liquid_adapt_ros.weights.codec import WeightFormatError, encode
from liquid_adapt_ros.weights.fingerprint import file_sha256, fingerprint
from liquid_adapt_ros.weights.model_file import METADATA_NAME, ModelFile

SHAPES = {"readout.bias": (3,), "norm.mean": (2,)}


def model(**change: object) -> ModelFile:
    values = {
        "spec": {"hidden": 4, "tau_min_s": 0.01},
        "params": {"readout.bias": np.array([1, 2, 3], np.float32)},
        "norm": {"norm.mean": np.array([0.5, -0.5], np.float32)},
        "encoder_sha256": "ab" * 32,
        "metadata": {"seeds": [1, 2], "held_out_rmse_m": 0.012},
    }
    return ModelFile(**(values | change))


def expected_shapes(spec):
    if spec != {"hidden": 4, "tau_min_s": 0.01}:
        raise ValueError(f"unknown spec {spec}")
    return SHAPES


def test_model_comes_back_from_its_file(tmp_path):
    path = tmp_path / "model.safetensors"
    model().save(path)
    loaded = ModelFile.load(path, expected_shapes)
    assert loaded.spec == model().spec
    assert loaded.metadata == model().metadata
    assert loaded.fingerprint == model().fingerprint
    np.testing.assert_array_equal(loaded.params["readout.bias"], [1, 2, 3])
    np.testing.assert_array_equal(loaded.norm["norm.mean"], [0.5, -0.5])


def test_fingerprint_depends_on_spec_encoder_and_norm_but_not_on_learned_weights():
    reference = model().fingerprint
    assert model(params={"readout.bias": np.zeros(3, np.float32)}).fingerprint == reference
    assert model(metadata={}).fingerprint == reference
    assert model(spec={"tau_min_s": 0.01, "hidden": 4}).fingerprint == reference
    assert model(spec={"hidden": 5, "tau_min_s": 0.01}).fingerprint != reference
    assert model(encoder_sha256="cd" * 32).fingerprint != reference
    assert model(norm={"norm.mean": np.array([0.5, -0.4], np.float32)}).fingerprint != reference
    assert model(norm={"norm.other": model().norm["norm.mean"]}).fingerprint != reference


def test_fingerprint_refuses_values_that_json_can_not_hold():
    with pytest.raises(ValueError):
        fingerprint({"tau_min_s": float("nan")}, "", {})


def test_file_sha256_is_that_of_the_content(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def description(text: str) -> dict[str, str]:
    return {METADATA_NAME: text}


TENSORS = {**model().params, **model().norm}
WHOLE = (
    '{"spec": {"hidden": 4, "tau_min_s": 0.01}, "encoder_sha256": "%s", "fingerprint": "%s",'
    ' "metadata": {}}'
)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "payload of 0 bytes"),
        (encode(TENSORS), "no 'liquid_adapt'"),
        (encode(TENSORS, description("{")), "is not JSON"),
        (encode(TENSORS, description("[]")), "must be an object"),
        (encode(TENSORS, description('{"spec": {}}')), "must be an object"),
        (encode(TENSORS, description(WHOLE.replace("{}", "3") % ("", ""))), "metadata must be"),
        (encode(TENSORS, description(WHOLE.replace("4", "5") % ("", ""))), "spec: unknown spec"),
        (
            encode(model().norm, description(WHOLE % ("", ""))),
            r"missing tensors \['readout.bias'\]",
        ),
        (encode(TENSORS, description(WHOLE % ("", "12"))), "fingerprint 12 does not match"),
    ],
)
def test_file_that_is_not_a_whole_model_is_refused_with_its_path(tmp_path, content, message):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightFormatError, match=f"model.safetensors: .*{message}"):
        ModelFile.load(path, expected_shapes)


KILLED_BEFORE_RENAME = """
    import os, signal, sys
    from pathlib import Path
    from liquid_adapt_ros.weights import atomic_file
    atomic_file.os.replace = lambda source, goal: os.kill(os.getpid(), signal.SIGKILL)
    atomic_file.write_atomically(Path(sys.argv[1]), b"new content")
"""


def test_process_killed_between_write_and_rename_leaves_the_previous_file(tmp_path):
    path = tmp_path / "model.safetensors"
    model().save(path)
    before = path.read_bytes()
    script = textwrap.dedent(KILLED_BEFORE_RENAME)
    process = subprocess.run([sys.executable, "-c", script, str(path)], cwd=os.getcwd())
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    leftovers = [file for file in tmp_path.iterdir() if file != path]
    assert [file.read_bytes() for file in leftovers] == [b"new content"]
    model(metadata={"later": True}).save(path)
    assert ModelFile.load(path, expected_shapes).metadata == {"later": True}


def test_failed_write_leaves_the_previous_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    model().save(path)

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new content")
    assert list(tmp_path.iterdir()) == [path]
    assert ModelFile.load(path, expected_shapes).metadata == model().metadata
