"""The camera encoder: RGB-D in, 128 numbers out, of which 96 are positions in metres.

Backbone: MobileNetV2 (Sandler et al., arXiv 1801.04381; torchvision's, width 0.5) with a
four-channel first convolution (RGB + depth). Global average pooling would throw position away,
so most of the embedding is a spatial soft-argmax (Levine et al., arXiv 1504.00702) over a metric
point map: heatmap k answers with the expected 3-D point under its own softmax, in the camera's
optical frame. The pixel grid is only ever used to weigh measured points, so a change of range or
of resolution keeps its meaning.
"""

import torch
from torch import nn
from torch.nn import functional

from liquid_adapt_ros.fusion.preprocess import DEPTH_SCALE_M
from liquid_adapt_ros.tools.pretrain.torchvision_compat import mobilenet_v2

WIDTH_MULTIPLIER = 0.5
HEATMAPS = 32
GLOBAL_FEATURES = 32
EMBEDDING_SIZE = 3 * HEATMAPS + GLOBAL_FEATURES

# Indices into mobilenet_v2().features after which a map is tapped: the last layer at strides
# 4, 8 and 16, and the last layer of all (stride 32).
_TAPS = (3, 6, 13, 18)
_NECK_CHANNELS = 48
_VALID_FLOOR = 1e-4
_RELIEF_PER_M, _RELIEF_MAX = 80.0, 3.0


def spatial_soft_argmax(logits: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Expected point under the softmax of each heatmap, over cells that have a measured depth.

    Arguments: logits (N, K, h, w); points (N, 4, h, w), XYZ in metres and the share of valid
    pixels of each cell. Returns (N, 3 K) in metres: x of all heatmaps, then y, then z. A picture
    with no valid depth at all gives zeros, because its points are zeros.
    """
    count, heatmaps = logits.shape[:2]
    valid = points[:, 3:].clamp_min(_VALID_FLOOR).log()
    weights = torch.softmax((logits + valid).flatten(2), dim=2)
    expected = torch.bmm(points[:, :3].flatten(2), weights.transpose(1, 2))
    return expected.reshape(count, 3 * heatmaps)


def with_relief(image: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The image (N, 4, H, W) with depth replaced by relief: how far it stands out from around it.

    An object on the belt is 20-80 mm nearer than the belt while metres of depth lie in view, so in
    the plain depth its edge is hardly more than noise. Against the mean of what was measured in
    the 3 x 3 cells around, it stands out whatever its colour. 1 is 12 mm towards the camera; 0
    where nothing was measured. Absolute depth reaches the network through the points.
    """
    depth = image[:, 3:] * DEPTH_SCALE_M
    share = points[:, 3:]
    around = _mean_around(points[:, 2:3] * share) / _mean_around(share).clamp_min(_VALID_FLOOR)
    around = functional.interpolate(around, size=image.shape[2:], mode="bilinear")
    relief = torch.where(depth > 0.0, (around - depth) * _RELIEF_PER_M, 0.0)
    return torch.cat([image[:, :3], relief.clamp(-_RELIEF_MAX, _RELIEF_MAX)], dim=1)


def _mean_around(cells: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(cells, 3, stride=1, padding=1)


def _conv_bn(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


class ConveyorEncoder(nn.Module):
    """(image (N, 4, 96, 128), points (N, 4, 24, 32)) -> embedding (N, 128).

    Inputs as `fusion.preprocess` makes them. The embedding holds 96 coordinates in metres in the
    camera's optical frame (see `spatial_soft_argmax`) and 32 unconstrained global features.
    """

    def __init__(self) -> None:
        super().__init__()
        features = mobilenet_v2(weights=None, width_mult=WIDTH_MULTIPLIER).features
        stem = features[0][0]
        features[0][0] = nn.Conv2d(
            4, stem.out_channels, stem.kernel_size, stem.stride, stem.padding, bias=False
        )
        nn.init.kaiming_normal_(features[0][0].weight, mode="fan_out")
        self.backbone = features
        widths = [_output_channels(features[tap]) for tap in _TAPS]
        self.laterals = nn.ModuleList(nn.Conv2d(width, _NECK_CHANNELS, 1) for width in widths)
        self.mix = nn.Sequential(
            _conv_bn(_NECK_CHANNELS + 4, _NECK_CHANNELS),
            _conv_bn(_NECK_CHANNELS, _NECK_CHANNELS, kernel=3, groups=_NECK_CHANNELS),
            _conv_bn(_NECK_CHANNELS, _NECK_CHANNELS),
            nn.Conv2d(_NECK_CHANNELS, HEATMAPS, 1),
        )
        self.global_features = nn.Linear(widths[-1], GLOBAL_FEATURES)

    def forward(self, image: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Embed a batch of pictures."""
        logits, global_features = self.look(image, points)
        return torch.cat([spatial_soft_argmax(logits, points), global_features], dim=1)

    def look(self, image: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the heatmaps (N, 32, 24, 32) and the global features (N, 32)."""
        maps = []
        tapped = with_relief(image, points)
        for index, layer in enumerate(self.backbone):
            tapped = layer(tapped)
            if index in _TAPS:
                maps.append(tapped)
        fused = self.laterals[-1](maps[-1])
        for lateral, finer in zip(self.laterals[-2::-1], maps[-2::-1], strict=True):
            fused = functional.interpolate(fused, scale_factor=2.0, mode="nearest")
            fused = fused + lateral(finer)
        logits = self.mix(torch.cat([fused, points], dim=1))
        return logits, self.global_features(maps[-1].mean(dim=(2, 3)))


def _output_channels(layer: nn.Module) -> int:
    norms = [module for module in layer.modules() if isinstance(module, nn.BatchNorm2d)]
    return norms[-1].num_features
