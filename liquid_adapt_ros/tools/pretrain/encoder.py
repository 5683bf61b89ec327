"""The camera encoder: RGB-D in, 128 numbers out, of which the first nine are where things are.

Backbone: MobileNetV2 (Sandler et al., arXiv 1801.04381; torchvision's, width 0.5) with a
four-channel first convolution (RGB + depth). Global average pooling would throw position away,
so most features are a spatial soft-argmax (Levine et al., arXiv 1504.00702) over a metric
point map: heatmap k answers with the expected 3-D point under its own softmax, in the camera's
optical frame. The pixel grid is only ever used to weigh measured points, so a change of range or
of resolution keeps its meaning.

A cell is some 40 mm wide on the belt, about the size of an object. The first heatmaps, those that
are told what to look at, therefore average votes instead of bare points: each cell adds to its own
point how far from there the object's middle is (learned Hough votes, as Qi et al., arXiv
1904.09664). Where in its cell an edge lies is told by features of stride 2, whose four places in a
cell are stacked as channels.

No single feature is a position to the millimetre, but a sum of them is. In the embedding the
positions of target, next object and tool, read out of all features, stand in the place of what the
heatmaps that vote for them answer (`position_readout.py`).
"""

from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import nn
from torch.nn import functional

from liquid_adapt_ros.fusion.preprocess import DEPTH_SCALE_M
from liquid_adapt_ros.tools.pretrain.torchvision_compat import mobilenet_v2

WIDTH_MULTIPLIER = 0.5
HEATMAPS = 32
VOTING = 3  # the first heatmaps, which are told where target, next object and tool are
GLOBAL_FEATURES = 32
FEATURES = 3 * HEATMAPS + GLOBAL_FEATURES
POSITIONS = 3 * VOTING  # x, y, z of the target, then of the next object, then of the tool

# What the heatmaps that vote answer, object by object, among the features; and all others.
_VOTED = [axis * HEATMAPS + item for item in range(VOTING) for axis in range(3)]
_OTHERS = [index for index in range(FEATURES) if index not in _VOTED]

# Indices into mobilenet_v2().features after which a map is tapped: the last layer at strides
# 4, 8 and 16, and the last layer of all (stride 32).
_TAPS = (3, 6, 13, 18)
_FINE_TAP = 1  # the last layer at stride 2
_NECK_CHANNELS = 48
_VALID_FLOOR = 1e-4
_RELIEF_PER_M, _RELIEF_MAX = 80.0, 3.0
_VOTE_UNIT_M = 0.05


class Looked(NamedTuple):
    """What the network sees in N pictures.

    Attributes:
        logits: (N, K, h, w) of the heatmaps.
        votes: (N, 3 V, h, w) how far the objects of the first V heatmaps are from each cell's
            point: x of all of them, then y, then z, in units of 50 mm.
        global_features: (N, 32).
    """

    logits: torch.Tensor
    votes: torch.Tensor
    global_features: torch.Tensor


def spatial_soft_argmax(
    logits: torch.Tensor, votes: torch.Tensor, points: torch.Tensor
) -> torch.Tensor:
    """Expected vote under the softmax of each heatmap, over cells that have a measured depth.

    A cell votes for its own point, and in the first V heatmaps for its point and what it adds.

    Arguments: logits (N, K, h, w) and votes (N, 3 V, h, w) as in `Looked`; points (N, 4, h, w),
    XYZ in metres and the share of valid pixels of each cell. Returns (N, 3 K) in metres: x of all
    heatmaps, then y, then z. A picture with no valid depth at all gives zeros, because its points
    are zeros and nothing is added to them.
    """
    valid = points[:, 3:].clamp_min(_VALID_FLOOR).log()
    weights = torch.softmax((logits + valid).flatten(2), dim=2)
    expected = torch.bmm(points[:, :3].flatten(2), weights.transpose(1, 2))
    measured = (points[:, 3:] > 0.0).to(votes.dtype)
    added = (_VOTE_UNIT_M * votes * measured).unflatten(1, (3, -1)).flatten(3)
    voting = added.shape[2]
    added = (weights[:, None, :voting] * added).sum(dim=3)
    expected = torch.cat([expected[:, :, :voting] + added, expected[:, :, voting:]], dim=2)
    return expected.flatten(1)


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

    Inputs as `fusion.preprocess` makes them. The embedding holds, in metres and in the optical
    frame, the positions of target, next object and tool, what the other heatmaps answer (x of
    all of them, then y, then z; see `spatial_soft_argmax`), and 32 unconstrained global features.
    Until `read_position` says how, the positions are what their own heatmaps answer.
    """

    position_weight: torch.Tensor
    position_bias: torch.Tensor

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
            nn.Conv2d(_NECK_CHANNELS, HEATMAPS + 3 * VOTING, 1),
        )
        self.fine = nn.Conv2d(4 * _output_channels(features[_FINE_TAP]), _NECK_CHANNELS, 1)
        self.global_features = nn.Linear(widths[-1], GLOBAL_FEATURES)
        self.register_buffer("position_weight", torch.eye(FEATURES)[_VOTED])
        self.register_buffer("position_bias", torch.zeros(POSITIONS))

    def read_position(self, item: int, weight: ArrayLike, bias: ArrayLike) -> None:
        """Set how a position is read: weight (3, F) and bias (3,) on the F = 128 features.

        item: 0 for the target, 1 for the next object, 2 for the tool.
        """
        rows = slice(3 * item, 3 * item + 3)
        self.position_weight[rows] = torch.as_tensor(weight)
        self.position_bias[rows] = torch.as_tensor(bias)

    def forward(self, image: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Embed a batch of pictures."""
        features = self.features(self.look(image, points), points)
        positions = functional.linear(features, self.position_weight, self.position_bias)
        return torch.cat([positions, features[:, _OTHERS]], dim=1)

    def look(self, image: torch.Tensor, points: torch.Tensor) -> Looked:
        """What there is to see, before the points are weighed by it."""
        maps, fine = [], None
        tapped = with_relief(image, points)
        for index, layer in enumerate(self.backbone):
            tapped = layer(tapped)
            if index == _FINE_TAP:
                fine = self.fine(functional.pixel_unshuffle(tapped, 2))
            if index in _TAPS:
                maps.append(tapped)
        fused = self.laterals[-1](maps[-1])
        for lateral, finer in zip(self.laterals[-2::-1], maps[-2::-1], strict=True):
            fused = functional.interpolate(fused, scale_factor=2.0, mode="nearest")
            fused = fused + lateral(finer)
        mixed = self.mix(torch.cat([fused + fine, points], dim=1))
        pooled = self.global_features(maps[-1].mean(dim=(2, 3)))
        return Looked(mixed[:, :HEATMAPS], mixed[:, HEATMAPS:], pooled)

    @staticmethod
    def features(looked: Looked, points: torch.Tensor) -> torch.Tensor:
        """(N, 128) of what was seen: what all heatmaps answer, and the global features."""
        positions = spatial_soft_argmax(looked.logits, looked.votes, points)
        return torch.cat([positions, looked.global_features], dim=1)


def _output_channels(layer: nn.Module) -> int:
    norms = [module for module in layer.modules() if isinstance(module, nn.BatchNorm2d)]
    return norms[-1].num_features
