"""Which encoder a file is, whatever an export has written behind it.

A model is bound to its encoder by the sha256 of the file that training wrote. An export adds
metadata to a copy, as one more entry at the file's end (a protobuf message may be continued by
appending fields). The identity is that of the bytes before the entry; that nothing but the entry
follows them is checked, so that the entry can't change the network.
"""

import json
from collections.abc import Mapping
from typing import Any

METADATA_KEY = "liquid_adapt"
# ModelProto.metadata_props, and the key and value of its entries, all length-delimited
# (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2


def with_metadata(trained: bytes, metadata: Mapping[str, Any]) -> bytes:
    """Return an ONNX file's content with `metadata` (JSON values) appended to it."""
    return trained + _entry(json.dumps(metadata, sort_keys=True))


def trained_bytes(content: bytes, custom_metadata: Mapping[str, str]) -> bytes:
    """Return the content of an ONNX file without what `with_metadata` appended, if it did.

    custom_metadata: the file's metadata, as ONNX Runtime gives them. Raises ValueError where such
    metadata are there, but not as the file's end.
    """
    text = custom_metadata.get(METADATA_KEY)
    if text is None:
        return content
    entry = _entry(text)
    if not content.endswith(entry):
        raise ValueError(f"its metadata {METADATA_KEY!r} are not what ends the file")
    return content.removesuffix(entry)


def _entry(text: str) -> bytes:
    return _field(
        _METADATA_PROPS, _field(_KEY, METADATA_KEY.encode()) + _field(_VALUE, text.encode())
    )


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field (its number below 16)."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
