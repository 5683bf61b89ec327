"""The fast time scale: the readout follows the labels within tenths of a second.

The network's features phi stay as they are; only the linear map from them to the outputs is
learned. Several estimates of it run side by side (`ridge_bank.py`): one of the offset alone, which
needs the fewest samples, some of the whole readout with different memories, and where it is known
how worlds differ, some that look for the world (`world_bank.py`). `fixed_share.py`
mixes them with the anchor, output by output; where nothing is to be gained, the anchor wins.

Adapting the last layer of a frozen network by a Kalman filter with a prior that holds it is
Neural-Fly's composite adaptation (O'Connell et al., arXiv 2205.06908), and it suffices for
continuous-time networks (bioRxiv 2026.06.11.731593). Of the second-order low-rank updates of all
layers (arXiv 2604.04039) this is the case that stays convex.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.fixed_share import FixedShare
from liquid_adapt_ros.adaptation.ridge_bank import RidgeBank
from liquid_adapt_ros.adaptation.world_bank import WorldBank, WorldPrior

Array = NDArray[np.float64]

_STATE = (
    "offset_information",
    "offset_cross",
    "bank_information",
    "bank_cross",
    "mixture_weights",
    "variance",
    "quiet",
)
_MAD_TO_SIGMA = 1.4826  # of a normal distribution


@dataclass(frozen=True)
class ReadoutSettings:
    """How fast the readout follows, and what it distrusts.

    An independent sample is `correlation_s` of the stream: labels that lie closer together than
    that repeat each other and count as fractions.

    Attributes:
        correlation_s: time over which errors of the network are alike [s].
        offset_memory, offset_prior: memory and prior strength of the offset [independent samples].
        memories, priors: the same of the estimates of the whole readout.
        world_memories, world_priors: the same of the estimates of the world; () for none.
        anchor_share: what is dealt out to the anchor of the weight dealt out anew; the rest is
            divided equally.
        share_per_sample: part of all weight dealt out anew for each independent sample [1].
        loss_max: most that one sample counts against an estimate, in log-likelihood [1].
        variance_memory: memory of the noise's variance [independent samples].
        noise_floor: smallest standard deviation of the noise, in output units [1].
        expected_noise: how far an expected label may be off, as a standard deviation, in output
            units [1].
        gate: a sample further off than this many standard deviations of the latest ones counts
            less, with the inverse square of its distance.
        gate_memory: newest labels whose median error says what is usual.
        jump_ratio: the world has jumped when the usual error grows by this factor; the past then
            counts `jump_kept` times as much.
    """

    correlation_s: float = 0.1
    offset_memory: float = 7.0
    offset_prior: float = 0.5
    memories: tuple[float, ...] = (15.0, 60.0, 300.0)
    priors: tuple[float, ...] = (2.0, 4.0, 8.0)
    world_memories: tuple[float, ...] = (5.0, 20.0, 100.0)
    world_priors: tuple[float, ...] = (10.0, 10.0, 10.0)
    anchor_share: float = 0.5
    share_per_sample: float = 0.005
    loss_max: float = 4.0
    variance_memory: float = 10.0
    noise_floor: float = 0.02
    expected_noise: float = 0.05
    gate: float = 4.0
    gate_memory: int = 15
    jump_ratio: float = 6.0
    jump_kept: float = 0.1

    def __post_init__(self) -> None:
        for memories, priors in (("memories", "priors"), ("world_memories", "world_priors")):
            values = getattr(self, memories), getattr(self, priors)
            if len(values[0]) != len(values[1]):
                raise ValueError(
                    f"{memories} = {values[0]} and {priors} = {values[1]}: "
                    "each estimate needs one of each"
                )
        if not self.memories:
            raise ValueError("memories = (): there must be one at least")
        for name in ("correlation_s", "offset_memory", "variance_memory", "noise_floor"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")

    def estimates(self, world: WorldPrior | None) -> int:
        """How many estimates there are: the anchor, the offset, and one of each memory."""
        return 2 + len(self.memories) + (len(self.world_memories) if world else 0)

    def independent(self, dt_s: Array) -> Array:
        """How many independent samples each of some samples is, that last this long [s]."""
        return np.minimum(dt_s / self.correlation_s, 1.0)


class ExpectedLabels(NamedTuple):
    """Labels of N samples that have not come yet, as they are likely to be.

    phi: (N, P). target: (N, O), NaN where nothing is expected. predicted: (N, experts, O) as
    `predict` said at the time, and perhaps more that is not read. independent: (N,) how many
    independent samples each one is.
    """

    phi: Array
    target: Array
    predicted: Array
    independent: Array


class _Group:
    """Outputs that have been labelled together so far."""

    def __init__(
        self, outputs: Sequence[int], features: int, settings: ReadoutSettings, estimates: int
    ):
        self.outputs = list(outputs)
        self.offset = RidgeBank([settings.offset_memory], [settings.offset_prior], 1, len(outputs))
        self.bank = RidgeBank(settings.memories, settings.priors, features, len(outputs))
        learners = estimates - 1
        others = (1.0 - settings.anchor_share) / learners
        self.mixture = FixedShare(
            [settings.anchor_share] + [others] * learners,
            len(outputs),
            settings.share_per_sample,
            settings.loss_max,
        )
        self.variance = np.full(len(outputs), settings.noise_floor**2)
        self.usual: deque[Array] = deque(maxlen=settings.gate_memory)
        self.quiet = np.full(len(outputs), settings.noise_floor)

    def state(self, name: str) -> Array:
        """One of the arrays that were learned, by its name in _STATE."""
        part, _, attribute = name.rpartition("_")
        return getattr(getattr(self, part), attribute) if part else getattr(self, attribute)

    def select(self, outputs: Sequence[int], features: int, settings: ReadoutSettings) -> _Group:
        places = [self.outputs.index(output) for output in outputs]
        group = _Group(outputs, features, settings, len(self.mixture.weights))
        group.offset, group.bank = self.offset.select(places), self.bank.select(places)
        group.mixture = self.mixture.select(places)
        group.variance, group.quiet = self.variance[places], self.quiet[places]
        group.usual.extend(row[places] for row in self.usual)
        return group


class ReadoutAdaptation:
    """Estimates of the readout, and their mixture.

    phi has P elements, the last of which is 1 (it carries the bias).

    Args:
        anchor: (O, P) the readout that is corrected.
        settings: how fast it follows.
        world: how the readout differs between worlds; None: not known.

    Attributes:
        estimates: how many there are.
    """

    def __init__(self, anchor: Array, settings: ReadoutSettings, world: WorldPrior | None = None):
        self._settings, self._world_prior = settings, world
        self.estimates = settings.estimates(world)
        self.restart(anchor)

    def restart(self, anchor: Array) -> None:
        """Forget everything, and correct this anchor."""
        self._anchor = np.array(anchor, np.float64)
        outputs, features = self._anchor.shape
        self._groups = [self._group(range(outputs), features)]
        self._world = None
        settings = self._settings
        if self._world_prior is not None and settings.world_memories:
            self._world = WorldBank(
                self._world_prior, settings.world_memories, settings.world_priors
            )
        # (experts, O, P); the first is the anchor itself.
        self._readouts = np.repeat(self._anchor[None], self.estimates, axis=0)
        self._mixed = self._anchor.copy()

    @property
    def readout(self) -> Array:
        """The mixture (O, P)."""
        return self._mixed

    @property
    def anchor_weight(self) -> Array:
        """How far the anchor is trusted, (O,) in [0, 1]."""
        weight = np.empty(len(self._anchor))
        for group in self._groups:
            weight[group.outputs] = group.mixture.weights[0]
        return weight

    def predict(self, phi: Array) -> Array:
        """What each estimate says, (experts, O), for phi (P,)."""
        return self._readouts @ phi

    def learn(
        self, phi: Array, target: Array, predicted: Array, independent: Array
    ) -> tuple[Array, Array]:
        """Take N labelled samples, oldest first.

        Returns how much each label counts, (N, O), and by how much all that came before counts
        less from now on, (O,): the world may have jumped.

        phi: (N, P). target: (N, O), NaN where not known now (or known before). predicted:
        (N, experts, O) as `predict` said at the time. independent: (N,) how many independent
        samples each one is.
        """
        known = ~np.isnan(target)
        trust = np.zeros(target.shape)
        kept = np.ones(target.shape[1])
        self._split_groups(known)
        for group in self._groups:
            rows = known[:, group.outputs[0]]
            if rows.any():
                outputs = group.outputs
                counts, kept[outputs] = self._learn_group(
                    group,
                    phi[rows],
                    target[rows][:, outputs],
                    predicted[rows][:, :, outputs],
                    independent[rows],
                )
                trust[np.ix_(rows, outputs)] = counts[:, None]
        if self._world is not None:
            self._world.fade(float(kept.min()))
            residual = target - phi @ self._anchor.T
            self._world.learn(phi, residual, trust * independent[:, None], independent)
        return trust, kept

    def rebuild(
        self, anchor: Array, phi: Array, target: Array, trust: Array, independent: Array
    ) -> None:
        """Correct another anchor, with other features, by what is still known of the past.

        Not for one that knows of worlds, which is in terms of the features.

        phi: (N, P), target: (N, O) with NaN where not known, trust: (N, O), independent: (N,), of
        all samples that are kept, oldest first. Which estimate is trusted stays as it is.
        """
        self._anchor = np.array(anchor, np.float64)
        known = ~np.isnan(target)
        for group in self._groups:
            rows = known[:, group.outputs[0]]
            group.offset.fade(0.0)
            group.bank.fade(0.0)
            if rows.any():
                self._teach(
                    group,
                    phi[rows],
                    target[rows][:, group.outputs],
                    trust[rows, group.outputs[0]],
                    independent[rows],
                )

    def solve(self, prior: Array, expected: ExpectedLabels | None = None) -> Array:
        """Solve for all estimates and return their mixture (O, P).

        prior: S (P, P). expected: counts this time as if it had been learned.
        """
        whole = slice(2, 2 + len(self._settings.memories))
        worlds = self._worlds(expected)
        for group in self._groups:
            part = self._with_expected(group, expected) if expected is not None else group
            corrections = np.zeros((self.estimates, len(group.outputs), len(prior)))
            corrections[1, :, -1] = part.offset.corrections(np.ones((1, 1)))[0, 0]
            corrections[whole] = part.bank.corrections(prior).transpose(0, 2, 1)
            corrections[whole.stop :] = worlds[:, group.outputs]
            anchor = self._anchor[group.outputs]
            self._readouts[:, group.outputs] = anchor + corrections
            self._mixed[group.outputs] = anchor + np.einsum(
                "ko,kop->op", part.mixture.weights, corrections
            )
        return self._mixed

    def _worlds(self, expected: ExpectedLabels | None) -> Array:
        """Corrections by the estimates of the world, (M, O, P); none where worlds are unknown."""
        world = self._world
        if world is None:
            return np.empty((0, *self._anchor.shape))
        if expected is not None:
            world = world.copy()
            residual = expected.target - expected.phi @ self._anchor.T
            counts = np.repeat(expected.independent[:, None], residual.shape[1], axis=1)
            world.learn(expected.phi, residual, counts, np.zeros(len(counts)))
        return world.corrections()

    def _with_expected(self, group: _Group, expected: ExpectedLabels) -> _Group:
        """A copy of a group that has learned what is expected of all its outputs."""
        target = expected.target[:, group.outputs]
        rows = ~np.isnan(target).any(axis=1)
        if not rows.any():
            return group
        phi, target, counts = expected.phi[rows], target[rows], expected.independent[rows]
        learned = group.select(group.outputs, phi.shape[1], self._settings)
        residual = target - phi @ self._anchor[group.outputs].T
        weight = np.stack([np.zeros(len(counts)), counts], axis=1)  # the past does not age
        learned.offset.learn(np.ones((len(phi), 1)), residual, weight)
        learned.bank.learn(phi, residual, weight)
        predicted = expected.predicted[rows, : self.estimates][:, :, group.outputs]
        error = target[:, None] - predicted
        squared = np.average(np.square(error), axis=0, weights=counts)
        variance = group.variance + self._settings.expected_noise**2
        learned.mixture.learn(squared, variance, float(counts.sum()))
        return learned

    def state(self) -> tuple[dict[str, Array], list[list[int]]]:
        """What was learned: tensors by name, and which outputs belong together."""
        tensors = {}
        for number, group in enumerate(self._groups):
            for name in _STATE:
                tensors[f"{number}.{name}"] = group.state(name)
        if self._world is not None:
            bank = self._world.bank
            tensors |= {"world.information": bank.information, "world.cross": bank.cross}
        return tensors, [group.outputs for group in self._groups]

    def state_shapes(self, groups: object) -> dict[str, tuple[int, ...]]:
        """Shapes of a state's tensors; ValueError unless the groups are all outputs, once each."""
        outputs, features = self._anchor.shape
        if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
            raise ValueError(f"groups = {groups!r}: must be lists of outputs")
        if sorted(str(output) for group in groups for output in group) != sorted(
            str(output) for output in range(outputs)
        ):
            raise ValueError(f"groups = {groups}: must hold each of {outputs} outputs once")
        shapes = {
            f"{number}.{name}": self._group(group, features).state(name).shape
            for number, group in enumerate(groups)
            for name in _STATE
        }
        if self._world is not None:
            bank = self._world.bank
            shapes |= {
                "world.information": bank.information.shape,
                "world.cross": bank.cross.shape,
            }
        return shapes

    def restore(self, anchor: Array, tensors: dict[str, Array], groups: list[list[int]]) -> None:
        """Go on from a state, correcting this anchor."""
        self.restart(anchor)
        features = self._anchor.shape[1]
        self._groups = [self._group(outputs, features) for outputs in groups]
        for number, group in enumerate(self._groups):
            for name in _STATE:
                group.state(name)[:] = tensors[f"{number}.{name}"]
        if self._world is not None:
            self._world.bank.information[:] = tensors["world.information"]
            self._world.bank.cross[:] = tensors["world.cross"]

    def _group(self, outputs: Sequence[int], features: int) -> _Group:
        return _Group(outputs, features, self._settings, self.estimates)

    def _split_groups(self, known: NDArray[np.bool_]) -> None:
        groups = []
        for group in self._groups:
            columns = known[:, group.outputs]
            if (columns == columns[:, :1]).all():
                groups.append(group)
                continue
            by_pattern: dict[bytes, list[int]] = {}
            for output in group.outputs:
                by_pattern.setdefault(known[:, output].tobytes(), []).append(output)
            features = self._anchor.shape[1]
            groups += [
                group.select(outputs, features, self._settings) for outputs in by_pattern.values()
            ]
        self._groups = groups

    def _learn_group(
        self, group: _Group, phi: Array, target: Array, predicted: Array, independent: Array
    ) -> tuple[Array, float]:
        settings = self._settings
        error = target[:, None] - predicted
        mixed = np.einsum("ko,nko->no", group.mixture.weights, error)
        trust = self._trust(group, np.abs(mixed))
        squared = np.average(np.square(error), axis=0, weights=trust * independent)
        samples = float(np.sum(independent))
        self._learn_variance(group, squared.min(axis=0), samples)
        group.mixture.learn(squared, group.variance, samples * float(trust.mean()))
        kept = settings.jump_kept if self._has_jumped(group, samples) else 1.0
        group.bank.fade(kept)
        group.offset.fade(kept)
        self._teach(group, phi, target, trust, independent)
        return trust, kept

    def _teach(
        self, group: _Group, phi: Array, target: Array, trust: Array, independent: Array
    ) -> None:
        residual = target - phi @ self._anchor[group.outputs].T
        weight = np.stack([independent, independent * trust], axis=1)
        group.offset.learn(np.ones((len(phi), 1)), residual, weight)
        group.bank.learn(phi, residual, weight)

    def _trust(self, group: _Group, error: Array) -> Array:
        """How much each sample counts, (N,) in (0, 1]; error: (N, O) without sign."""
        group.usual.extend(error)
        usual = _MAD_TO_SIGMA * np.median(np.array(group.usual), axis=0)
        bound = self._settings.gate * np.maximum(usual, self._settings.noise_floor)
        return np.square(np.minimum(1.0, bound / np.maximum(error, 1e-12))).min(axis=1)

    def _learn_variance(self, group: _Group, squared: Array, samples: float) -> None:
        floor = self._settings.noise_floor**2
        kept = np.exp(-samples / self._settings.variance_memory)
        fresh = np.maximum(squared, floor)
        fresh = np.minimum(fresh, 4.0 * group.variance)
        group.variance = kept * group.variance + (1.0 - kept) * fresh

    def _has_jumped(self, group: _Group, samples: float) -> bool:
        """Whether the usual error has just grown as no drift makes it grow."""
        usual = np.maximum(np.median(np.array(group.usual), axis=0), self._settings.noise_floor)
        jumped = bool((usual > self._settings.jump_ratio * group.quiet).any())
        kept = np.exp(-samples / self._settings.variance_memory)
        group.quiet = usual if jumped else kept * group.quiet + (1.0 - kept) * usual
        return jumped
