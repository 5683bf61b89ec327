"""The one place that imports torchvision, so that it loads wherever torch itself works.

torchvision's binary is built for one torch build. Beside another one (a CPU-only torch on a
workstation, NVIDIA's own torch on a Jetson) its extension library does not load, and the import
stops with «operator torchvision::nms does not exist». Only the schemas of two operators are
missing at import, `nms` and `qnms` (seen with torchvision 0.28 beside torch 2.13 CPU); no model
used here calls either, so declaring them is enough.
"""

import torch

_MISSING_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: list[torch.library.Library] = []


def _declare_missing_operators() -> None:
    """Declare the operators that torchvision's unloadable library would have declared.

    The Library object is kept: an operator is gone when its Library is collected.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name, schema in _MISSING_SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)
    _declared.append(library)


try:
    import torchvision  # noqa: F401
except RuntimeError as error:
    if "torchvision::" not in str(error):
        raise
    _declare_missing_operators()

from torchvision.models import mobilenet_v2  # noqa: E402

__all__ = ["mobilenet_v2"]
