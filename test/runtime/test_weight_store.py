import hashlib
import re
from types import SimpleNamespace

import numpy as np
import pytest

from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.spec import FeatureLayout, PolicySpec
from liquid_adapt_ros.runtime.weight_store import WeightRejected, WeightStore
from liquid_adapt_ros.weights.codec import encode

SPEC = PolicySpec(inputs=FeatureLayout(4, 2, 6), hidden=5, head=7)
FINGERPRINT = "f1" * 32
READOUT = {"readout.bias": np.arange(12, dtype=np.float32)}


def params(seed: int = 0) -> dict[str, np.ndarray]:
    return initial_params(SPEC.network, np.random.default_rng(seed))


def store() -> WeightStore:
    return WeightStore(SPEC, FINGERPRINT, params())


def update(tensors=READOUT, version=1, base_version=0, **change) -> SimpleNamespace:
    payload = change.pop("payload", None) or encode(tensors)
    fields = {
        "version": version,
        "base_version": base_version,
        "fingerprint": FINGERPRINT,
        "tensor_names": list(tensors),
        "payload": payload,
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    return SimpleNamespace(**(fields | change))


def test_partial_update_changes_its_tensors_and_keeps_the_others():
    weights = store().accept(update())
    assert weights.version == 1
    np.testing.assert_array_equal(weights.params["readout.bias"], READOUT["readout.bias"])
    np.testing.assert_array_equal(weights.params["core.bias"], params()["core.bias"])
    assert weights.params.keys() == SPEC.shapes().keys()


BAD_DATA = encode({"readout.bias": np.zeros(12, np.float32)})[:-4] + np.float32("nan").tobytes()
REJECTIONS = {
    "fingerprint of another model": (update(fingerprint="00"), "fingerprint '00' is not"),
    "same version": (update(version=0), "version 0 is not newer than 0"),
    "wrong checksum": (update(sha256="00"), "sha256 '00' is not the payload's"),
    "names that differ": (update(tensor_names=["core.bias"]), "announced ['core.bias']"),
    "names twice": (update(tensor_names=["readout.bias"] * 2), "announced ['readout.bias', "),
    "unknown tensor": (update({"x": np.zeros(2, np.float32)}), "'x' is not one of"),
    "wrong shape": (
        update({"readout.bias": np.zeros(3, np.float32)}),
        "readout.bias: shape [3], expected [12]",
    ),
    "not finite": (update(payload=BAD_DATA), "readout.bias: 1 values like nan"),
    "truncated": (update(payload=encode(READOUT)[:-1]), "readout.bias: bytes 0 to 48 of 47"),
    "oversized": (update(payload=bytes(1 << 20)), "payload of 1048576 bytes, at most"),
    "unknown base": (update(version=9, base_version=8), "builds on version 8, the current one"),
}


@pytest.mark.parametrize("rejected, reason", REJECTIONS.values(), ids=REJECTIONS.keys())
def test_update_that_breaks_a_rule_is_rejected_and_nothing_changes(rejected, reason):
    weights = store()
    before = weights.current
    with pytest.raises(WeightRejected, match=re.escape(reason)):
        weights.accept(rejected)
    assert weights.current is before
    assert weights.accept(update()).version == 1


def test_older_version_is_rejected_after_a_newer_one():
    weights = store()
    weights.accept(update(version=5))
    with pytest.raises(WeightRejected, match="version 4 is not newer than 5"):
        weights.accept(update(version=4, base_version=5))


def test_complete_update_is_accepted_on_an_unknown_base():
    weights = store()
    accepted = weights.accept(update(params(seed=1), version=57, base_version=56))
    assert accepted.version == 57
    np.testing.assert_array_equal(
        accepted.params["core.input_weight"], params(seed=1)["core.input_weight"]
    )


def test_rollback_goes_back_one_version_at_a_time_and_ends_at_the_first():
    weights = store()
    for version in (1, 2, 3):
        bias = np.full(12, version, np.float32)
        weights.accept(update({"readout.bias": bias}, version, base_version=version - 1))
    assert weights.rollback().version == 2
    assert weights.current.params["readout.bias"][0] == 2.0
    assert weights.rollback().version == 1
    assert [weights.rollback().version for _ in range(3)] == [0, 0, 0]
    np.testing.assert_array_equal(weights.current.params["readout.bias"], np.zeros(12))


def test_versions_rise_also_after_a_rollback():
    weights = store()
    weights.accept(update(version=1))
    weights.rollback()
    with pytest.raises(WeightRejected, match="version 1 is not newer than 1"):
        weights.accept(update(version=1))
    assert weights.accept(update(version=2, base_version=0)).version == 2


def test_accepted_weights_can_not_be_changed_from_outside():
    given = params()
    weights = WeightStore(SPEC, FINGERPRINT, given)
    given["readout.bias"][:] = 9.0
    assert (weights.current.params["readout.bias"] == 0.0).all()
    with pytest.raises(ValueError, match="read-only"):
        weights.current.params["readout.bias"][0] = 1.0
