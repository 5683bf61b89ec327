"""The encoder of an ONNX file as a torch module again, to hold the file against torch.

Training writes the encoder as ONNX only. Its exporter merges each batch normalisation into the
convolution before it, and names the merged bias NAME.weight_bias; all else keeps torch's names.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from torch import nn

from liquid_adapt_ros.tools.pretrain.encoder import ConveyorEncoder

_MERGED_BIAS = ".weight_bias"


def torch_encoder(content: bytes) -> ConveyorEncoder:
    """Return the encoder in eval mode with the weights of an ONNX file's content.

    Raises ValueError where the tensors are not those of a ConveyorEncoder.
    """
    encoder = ConveyorEncoder().eval()
    _merge_normalisations(encoder)
    found = {
        tensor.name.replace(_MERGED_BIAS, ".bias"): onnx.numpy_helper.to_array(tensor)
        for tensor in onnx.load_model_from_string(content).graph.initializer
    }
    for name, tensor in encoder.state_dict().items():  # they share their storage with the encoder
        value = found.get(name)
        if value is None or value.shape != tuple(tensor.shape):
            shape = "missing" if value is None else f"{value.shape}"
            raise ValueError(
                f"not a ConveyorEncoder: {name} is {shape}, expected {tuple(tensor.shape)}"
            )
        tensor.copy_(torch.from_numpy(np.array(value)))
    return encoder


def _merge_normalisations(encoder: nn.Module) -> None:
    """Give each convolution before a batch normalisation a bias in its place."""
    chains = [module for module in encoder.modules() if isinstance(module, nn.Sequential)]
    for chain in chains:
        for index, layer in enumerate(chain):
            if isinstance(layer, nn.BatchNorm2d):
                chain[index - 1].bias = nn.Parameter(torch.zeros(layer.num_features))
                chain[index] = nn.Identity()
