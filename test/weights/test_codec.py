import array
import json
import re

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from liquid_adapt_ros.weights.codec import (
    MAX_HEADER_BYTES,
    WeightFormatError,
    decode,
    encode,
    read_metadata,
)

TENSORS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(4, np.float32)}
SHAPES = {name: tensor.shape for name, tensor in TENSORS.items()} | {"c": (7,)}
MAX_BYTES = 4096
DATA = b"".join(tensor.tobytes() for tensor in TENSORS.values())
HEADER = {
    "a.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "F32", "shape": [4], "data_offsets": [24, 40]},
}


def packed(header: object, data: bytes = DATA) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def with_entry(**change: object) -> bytes:
    return packed(HEADER | {"b": HEADER["b"] | change})


tensors = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
        lambda name: name != "__metadata__"
    ),
    array_shapes(max_dims=3, max_side=5).flatmap(
        lambda shape: arrays(
            np.float32, shape, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)
        )
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(tensors, st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3))
def test_tensors_and_metadata_come_back_bit_for_bit(values, metadata):
    payload = encode(values, metadata)
    shapes = {name: value.shape for name, value in values.items()}
    decoded = decode(payload, shapes, len(payload))
    assert decoded.keys() == values.keys()
    for name, value in values.items():
        assert decoded[name].tobytes() == value.tobytes()
        assert decoded[name].shape == value.shape
        assert decoded[name].flags.writeable
    assert read_metadata(payload, len(payload)) == metadata


def test_any_safetensors_reader_and_writer_understands_the_bytes():
    read = safetensors.numpy.load(encode(TENSORS))
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(read[name], tensor)
    decoded = decode(safetensors.numpy.save(TENSORS), SHAPES, MAX_BYTES)
    np.testing.assert_array_equal(decoded["a.weight"], TENSORS["a.weight"])


def test_some_of_the_expected_tensors_are_enough():
    assert decode(encode({"b": TENSORS["b"]}), SHAPES, MAX_BYTES).keys() == {"b"}


def test_payload_of_a_message_is_taken_as_it_comes():
    assert decode(array.array("B", encode(TENSORS)), SHAPES, MAX_BYTES).keys() == TENSORS.keys()


def test_transposed_tensor_keeps_its_values():
    tensor = np.arange(6, dtype=np.float32).reshape(3, 2).T
    np.testing.assert_array_equal(
        decode(encode({"a.weight": tensor}), SHAPES, MAX_BYTES)["a.weight"], tensor
    )


CORRUPTIONS = {
    "empty": (b"", "payload of 0 bytes, at least 8"),
    "only a length": (b"\x00" * 7, "payload of 7 bytes, at least 8"),
    "truncated header": (packed(HEADER)[:40], "header of 135 bytes, at most 32"),
    "truncated data": (packed(HEADER)[:-1], "b: bytes 24 to 40 of 39, expected 16 bytes"),
    "huge header": ((1 << 60).to_bytes(8, "little") + b"{}", "at most 2 are there"),
    "no JSON": (packed(b"{not json"), "header is not JSON"),
    "no text": (packed(b"\xff\xfe"), "header is not JSON"),
    "deep JSON": (packed(b"[" * 3000), "header is not JSON"),
    "a list": (packed([1, 2]), "header is a JSON list"),
    "no tensor": (packed({}, b""), "no tensor"),
    "duplicate": (packed(b'{"b":1,"b":2}'), "duplicate names ['b']"),
    "bad metadata": (packed(HEADER | {"__metadata__": {"k": 1}}), "__metadata__ must map"),
    "unknown name": (packed({"x": HEADER["b"]}), "'x' is not one of ['a.weight', 'b', 'c']"),
    "entry is no object": (packed({"b": 3}), "b: header entry must be"),
    "entry with more": (with_entry(extra=1), "b: header entry must be"),
    "half precision": (with_entry(dtype="F16"), "b: dtype 'F16', expected 'F32'"),
    "dtype no string": (with_entry(dtype=["F32"]), "b: dtype ['F32']"),
    "wrong shape": (with_entry(shape=[2, 2]), "b: shape [2, 2], expected [4]"),
    "negative shape": (with_entry(shape=[-4]), "b: shape [-4], expected [4]"),
    "fractional shape": (with_entry(shape=[4.0]), "b: shape [4.0], expected [4]"),
    "shape no list": (with_entry(shape=4), "b: shape 4, expected [4]"),
    "offsets too few": (with_entry(data_offsets=[24]), "b: data_offsets [24]"),
    "offsets negative": (with_entry(data_offsets=[-16, 0]), "b: bytes -16 to 0 of 40"),
    "offsets past the end": (with_entry(data_offsets=[30, 46]), "b: bytes 30 to 46 of 40"),
    "offsets too short": (with_entry(data_offsets=[24, 36]), "b: bytes 24 to 36 of 40"),
    "overlap": (with_entry(data_offsets=[8, 24]), "b: starts at byte 8, expected 24"),
    "gap": (
        packed(HEADER | {"b": HEADER["b"] | {"data_offsets": [28, 44]}}, DATA + b"\x00" * 4),
        "b: starts at byte 28, expected 24",
    ),
    "trailing bytes": (packed(HEADER, DATA + b"xyz"), "3 bytes follow the last tensor"),
    "not a number": (packed(HEADER, DATA[:-4] + np.float32("nan").tobytes()), "b: 1 values like"),
    "infinite": (packed(HEADER, np.float32("-inf").tobytes() + DATA[4:]), "a.weight: 1 values"),
    "oversized": (packed(HEADER, bytes(MAX_BYTES)), f"at most {MAX_BYTES} are allowed"),
}


@pytest.mark.parametrize("payload, message", CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
def test_corrupt_payload_is_refused_with_name_value_and_bound(payload, message):
    with pytest.raises(WeightFormatError, match=re.escape(message)):
        decode(payload, SHAPES, MAX_BYTES)


def test_header_larger_than_its_bound_is_refused_before_it_is_read():
    payload = packed(b" " * (MAX_HEADER_BYTES + 1))
    with pytest.raises(WeightFormatError, match=f"at most {MAX_HEADER_BYTES}"):
        decode(payload, SHAPES, 2 * MAX_HEADER_BYTES)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_flipped_byte_gives_the_right_tensors_or_a_format_error(data):
    payload = bytearray(encode(TENSORS))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    try:
        decoded = decode(payload, SHAPES, MAX_BYTES)
    except WeightFormatError:
        return
    for name, tensor in decoded.items():
        assert tensor.shape == SHAPES[name]
        assert np.isfinite(tensor).all()


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_format_error(payload):
    with pytest.raises(WeightFormatError):
        decode(payload, SHAPES, MAX_BYTES)


@pytest.mark.parametrize(
    "tensor, message",
    [
        (np.ones(4), "b: dtype float64"),
        (np.array([1.0, np.nan], np.float32), "b: 1 values like nan"),
    ],
)
def test_what_could_not_be_decoded_is_not_encoded(tensor, message):
    with pytest.raises(WeightFormatError, match=message):
        encode({"b": tensor})


def test_metadata_too_long_to_be_decoded_is_not_encoded():
    with pytest.raises(WeightFormatError, match="header of"):
        encode(TENSORS, {"note": "x" * MAX_HEADER_BYTES})
