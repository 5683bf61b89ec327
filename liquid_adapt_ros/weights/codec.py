"""The one codec of weights: the safetensors format, float32 tensors only, never pickle.

Format: 8 bytes (little-endian length of the header), the header (JSON: name -> dtype, shape,
data_offsets; plus string metadata under "__metadata__"), the data without gaps
(https://github.com/huggingface/safetensors#format). Decoding checks sizes against bounds before
it allocates anything, and says which name and value broke which bound.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import save

Shape = tuple[int, ...]

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 1 << 16
METADATA_KEY = "__metadata__"
DTYPE = "F32"
ITEM_BYTES = 4


class WeightFormatError(ValueError):
    """The bytes are not the tensors they should be."""


@dataclass(frozen=True)
class _Header:
    entries: dict[str, Any]
    metadata: dict[str, str]
    data: memoryview


def encode(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return float32 tensors, and string metadata, as safetensors bytes.

    Raises WeightFormatError for another dtype, a value that is not finite, or more names and
    metadata than a decoder accepts.
    """
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise WeightFormatError(f"{name}: dtype {tensor.dtype}, expected float32")
        _check_finite(name, tensor)
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    payload = save(contiguous, None if metadata is None else dict(metadata))
    header_bytes = int.from_bytes(payload[:LENGTH_BYTES], "little")
    if header_bytes > MAX_HEADER_BYTES:
        raise WeightFormatError(
            f"header of {header_bytes} bytes, at most {MAX_HEADER_BYTES} are allowed"
        )
    return payload


def decode(
    payload: bytes | bytearray | memoryview, expected_shapes: Mapping[str, Shape], max_bytes: int
) -> dict[str, np.ndarray]:
    """Return the tensors in `payload`: some or all of those in expected_shapes.

    payload: any object with a byte buffer, at most max_bytes long. Returns new float32 arrays.
    Raises WeightFormatError, naming the tensor, the value and the bound.
    """
    header = _read_header(payload, max_bytes)
    if not header.entries:
        raise WeightFormatError("no tensor in the payload")
    places = {
        name: _check_entry(name, entry, expected_shapes, len(header.data))
        for name, entry in header.entries.items()
    }
    _check_no_gaps(places, len(header.data))
    tensors = {}
    for name, (start, end) in places.items():
        values = np.frombuffer(header.data[start:end], "<f4").astype(np.float32)
        _check_finite(name, values)
        tensors[name] = values.reshape(expected_shapes[name])
    return tensors


def read_metadata(payload: bytes | bytearray | memoryview, max_bytes: int) -> dict[str, str]:
    """Return the string metadata in `payload`; raise WeightFormatError where it is malformed."""
    return _read_header(payload, max_bytes).metadata


def _read_header(payload: bytes | bytearray | memoryview, max_bytes: int) -> _Header:
    view = memoryview(payload).cast("B")
    if len(view) > max_bytes:
        raise WeightFormatError(f"payload of {len(view)} bytes, at most {max_bytes} are allowed")
    if len(view) < LENGTH_BYTES:
        raise WeightFormatError(f"payload of {len(view)} bytes, at least {LENGTH_BYTES} expected")
    length = int.from_bytes(view[:LENGTH_BYTES], "little")
    limit = min(MAX_HEADER_BYTES, len(view) - LENGTH_BYTES)
    if length > limit:
        raise WeightFormatError(f"header of {length} bytes, at most {limit} are there or allowed")
    text = bytes(view[LENGTH_BYTES : LENGTH_BYTES + length])
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise WeightFormatError(f"header is not JSON with unique keys: {error}") from error
    if not isinstance(header, dict):
        raise WeightFormatError(f"header is a JSON {type(header).__name__}, expected an object")
    metadata = header.pop(METADATA_KEY, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise WeightFormatError(f"{METADATA_KEY} must map names to strings")
    return _Header(header, metadata, view[LENGTH_BYTES + length :])


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        duplicates = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"duplicate names {duplicates}")
    return dict(pairs)


def _check_entry(
    name: str, entry: Any, expected_shapes: Mapping[str, Shape], data_bytes: int
) -> tuple[int, int]:
    if name not in expected_shapes:
        raise WeightFormatError(f"{name!r} is not one of {sorted(expected_shapes)}")
    expected = expected_shapes[name]
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise WeightFormatError(f"{name}: header entry must be dtype, shape and data_offsets")
    if entry["dtype"] != DTYPE:
        raise WeightFormatError(f"{name}: dtype {entry['dtype']!r}, expected {DTYPE!r}")
    if not _is_int_list(entry["shape"]) or tuple(entry["shape"]) != expected:
        raise WeightFormatError(f"{name}: shape {entry['shape']!r}, expected {list(expected)}")
    offsets = entry["data_offsets"]
    if not _is_int_list(offsets) or len(offsets) != 2:
        raise WeightFormatError(f"{name}: data_offsets {offsets!r}, expected two whole numbers")
    start, end = offsets
    size = ITEM_BYTES * math.prod(expected)
    if not 0 <= start <= end <= data_bytes or end - start != size:
        raise WeightFormatError(
            f"{name}: bytes {start} to {end} of {data_bytes}, expected {size} bytes within them"
        )
    return start, end


def _is_int_list(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int for value in values)


def _check_no_gaps(places: Mapping[str, tuple[int, int]], data_bytes: int) -> None:
    position = 0
    for name, (start, end) in sorted(places.items(), key=lambda item: item[1]):
        if start != position:
            raise WeightFormatError(f"{name}: starts at byte {start}, expected {position}")
        position = end
    if position != data_bytes:
        raise WeightFormatError(f"{data_bytes - position} bytes follow the last tensor")


def _check_finite(name: str, values: np.ndarray) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        worst = values[~finite].flat[0]
        raise WeightFormatError(f"{name}: {np.size(values) - finite.sum()} values like {worst}")
