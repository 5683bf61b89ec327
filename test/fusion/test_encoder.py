"""The ONNX encoder and the thread that runs it."""

import threading

import numpy as np
import onnxruntime
import pytest
from tiny_model import write_tiny_encoder

from liquid_adapt_ros.fusion.encoder import LatestWorker, OnnxEncoder
from liquid_adapt_ros.onnx_session import PROVIDERS


@pytest.fixture
def encoder(tmp_path):
    write_tiny_encoder(tmp_path / "encoder.onnx", 16, np.random.default_rng(0))
    return OnnxEncoder(tmp_path / "encoder.onnx")


def test_encodes_one_picture(encoder):
    embedding = encoder.encode(np.ones((4, 96, 128), np.float32), np.ones((4, 24, 32), np.float32))
    assert embedding.shape == (encoder.size,) == (16,) and embedding.dtype == np.float32


def test_an_embedding_that_is_not_finite_is_refused(encoder):
    with pytest.raises(ValueError, match="not finite"):
        encoder.encode(np.full((4, 96, 128), np.nan, np.float32), np.ones((4, 24, 32), np.float32))


def test_an_input_of_another_shape_is_refused(encoder):
    with pytest.raises(ValueError, match="ONNX Runtime"):
        encoder.encode(np.ones((3, 96, 128), np.float32), np.ones((4, 24, 32), np.float32))


def test_a_file_that_is_no_encoder_is_named(tmp_path):
    (tmp_path / "noise.onnx").write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"noise\.onnx is not a usable ONNX model"):
        OnnxEncoder(tmp_path / "noise.onnx")
    with pytest.raises(OSError, match="missing"):
        OnnxEncoder(tmp_path / "missing.onnx")


def test_a_provider_that_is_not_there_is_named_with_those_that_are(tmp_path):
    write_tiny_encoder(tmp_path / "encoder.onnx", 16, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no provider 'quantum' here, only .*cpu"):
        OnnxEncoder(tmp_path / "encoder.onnx", "quantum")


def test_a_provider_that_does_not_start_is_named_and_not_silently_replaced(tmp_path, monkeypatch):
    """As with ONNX Runtime's GPU build where CUDA's libraries are missing."""
    write_tiny_encoder(tmp_path / "encoder.onnx", 16, np.random.default_rng(0))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))
    with pytest.raises(ValueError, match="could not start provider 'tensorrt' for .*encoder"):
        OnnxEncoder(tmp_path / "encoder.onnx", "tensorrt")


def test_the_newest_item_takes_the_only_slot_and_the_caller_never_waits():
    begun, go_on = threading.Event(), threading.Event()
    done = []

    def work(item):
        begun.set()
        go_on.wait(5.0)
        done.append(item)
        return item

    worker = LatestWorker(work, "test")
    assert not worker.submit(1)
    assert begun.wait(5.0)
    assert not worker.submit(2)
    assert worker.submit(3) and worker.submit(4)
    go_on.set()
    while len(done) < 2:
        pass
    worker.stop()
    assert done == [1, 4]
    assert worker.take() == 4 and worker.take() is None


def test_an_error_reaches_the_caller_once_and_the_thread_lives_on():
    def work(item):
        if item == "bad":
            raise ValueError("bad item")
        return item

    worker = LatestWorker(work, "test")
    worker.submit("bad")
    with pytest.raises(ValueError, match="bad item"):
        while worker.take() is None:
            pass
    worker.submit("good")
    while (result := worker.take()) is None:
        pass
    assert result == "good"
    worker.stop()
