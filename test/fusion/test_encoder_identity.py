"""An encoder keeps its identity under the metadata that an export adds, and only under those."""

import hashlib

import numpy as np
import onnx
import pytest
from tiny_model import write_tiny_encoder

from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.fusion.encoder_identity import with_metadata

METADATA = {"kind": "encoder", "spec": {"joint_names": ["α", "β"] * 200}}


@pytest.fixture
def trained(tmp_path):
    write_tiny_encoder(tmp_path / "encoder.onnx", 16, np.random.default_rng(0))
    return (tmp_path / "encoder.onnx").read_bytes()


def encoder_of(content, folder):
    (folder / "copy.onnx").write_bytes(content)
    return OnnxEncoder(folder / "copy.onnx")


def test_metadata_leave_identity_and_answers(trained, tmp_path):
    plain, described = (
        encoder_of(content, tmp_path) for content in (trained, with_metadata(trained, METADATA))
    )
    assert described.sha256 == plain.sha256 == hashlib.sha256(trained).hexdigest()
    picture = np.ones((4, 96, 128), np.float32), np.ones((4, 24, 32), np.float32)
    np.testing.assert_array_equal(described.encode(*picture), plain.encode(*picture))


def test_metadata_can_be_read_by_any_onnx_tool(trained):
    model = onnx.load_model_from_string(with_metadata(trained, METADATA))
    onnx.checker.check_model(model)
    assert [item.key for item in model.metadata_props] == ["liquid_adapt"]


def test_a_network_changed_under_the_metadata_is_another_encoder(trained, tmp_path):
    model = onnx.load_model_from_string(trained)
    model.graph.initializer[0].raw_data = bytes(len(model.graph.initializer[0].raw_data))
    changed = encoder_of(with_metadata(model.SerializeToString(), METADATA), tmp_path)
    assert changed.sha256 != hashlib.sha256(trained).hexdigest()


def test_something_after_the_metadata_is_refused(trained, tmp_path):
    producer = onnx.ModelProto(producer_name="somebody").SerializeToString()
    with pytest.raises(ValueError, match=r"copy\.onnx: its metadata 'liquid_adapt' are not what"):
        encoder_of(with_metadata(trained, METADATA) + producer, tmp_path)
