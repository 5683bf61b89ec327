"""The step of any policy as a file, for tests that run it."""

from pathlib import Path

import numpy as np

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.tools.export.policy_files import onnx_content
from liquid_adapt_ros.tools.export.policy_forms import step_form


def write_exported_step(
    path: Path, spec: PolicySpec, params: dict[str, np.ndarray], fingerprint: str
) -> Path:
    """Write `path` as export_model does, for a model of this fingerprint."""
    form = step_form(spec.network, params)
    path.write_bytes(onnx_content(form, {"fingerprint": fingerprint}))
    return path
