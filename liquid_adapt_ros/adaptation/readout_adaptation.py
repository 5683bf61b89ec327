"""The fast time scale: the readout follows the labels within tenths of a second.

The network's features phi stay as they are; only the linear map from them to the outputs is
learned. Several estimates of it run side by side (`ridge_bank.py`): one of the offset alone, which
needs the fewest samples, some of the whole readout with different memories, and where it is known
how worlds differ, some that look for the world (`world_bank.py`). `fixed_share.py` mixes them with
the anchor, output by output; where nothing is to be gained, the anchor wins. As much of it is
used as its record is good (`correction_record.py`). Where labels stop (`label_silence.py`), it
passes to what has lasted before (`held_mixture.py`). What is still left of the newest labels is
carried over to the next samples as far as it lasts (`residual_persistence.py`): all of it together
is one readout.

Adapting the last layer of a frozen network by a Kalman filter with a prior that holds it is
Neural-Fly's composite adaptation (O'Connell et al., arXiv 2205.06908), and it suffices for
continuous-time networks (bioRxiv 2026.06.11.731593). Of the second-order low-rank updates of all
layers (arXiv 2604.04039) this is the case that stays convex.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.correction_record import CorrectionRecord
from liquid_adapt_ros.adaptation.earlier_estimates import EarlierEstimates
from liquid_adapt_ros.adaptation.label_silence import LabelSilence
from liquid_adapt_ros.adaptation.output_group import OutputGroup, Samples
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.residual_persistence import ResidualPersistence
from liquid_adapt_ros.adaptation.world_bank import WorldBank, WorldPrior

Array = NDArray[np.float64]

# What has passed down to this share has passed.
_NOTHING = 0.01


class Labels(NamedTuple):
    """Labels of N samples, oldest first.

    stamp_s: (N,) [s]. phi: (N, P). target: (N, O), NaN where not known now (or known before).
    predicted: (N, estimates, O) as `predict` said before any of these labels was known. learned,
    mixed, carried: (N, O) what the mixture said when the samples were observed, what was used of
    it, and what could have been carried over then; NaN where it is not known any more.
    independent: (N, O) how many independent samples each one is; apart: how many it usually is
    from the label before.
    """

    stamp_s: Array
    phi: Array
    target: Array
    predicted: Array
    learned: Array
    mixed: Array
    carried: Array
    independent: Array
    apart: Array


class ExpectedLabels(NamedTuple):
    """Labels of N samples that have not come yet, as they are likely to be.

    phi: (N, P). target: (N, O), NaN where nothing is expected. predicted: (N, estimates, O) as
    `predict` said before a label was first expected. independent: (N, O) how many independent
    samples each one is.
    """

    phi: Array
    target: Array
    predicted: Array
    independent: Array


class ReadoutAdaptation:
    """Estimates of the readout, and their mixture.

    phi has P elements, the last of which is 1 (it carries the bias).

    Args:
        anchor: (O, P) the readout that is corrected.
        settings: how fast it follows.
        world: how the readout differs between worlds; None: not known.

    Attributes:
        estimates: how many there are.
        learned: (O, P) their mixture, used or not.
        record: how good it has been.
        persistence: what is carried over.
        silence: since when labels have not come.
        carries_over: whether anything is; False: nothing, as while learning is paused.
    """

    def __init__(self, anchor: Array, settings: ReadoutSettings, world: WorldPrior | None = None):
        self._settings, self._world_prior = settings, world
        self._shares = settings.shares(world)
        self._earlier = EarlierEstimates(settings.correlation_s * settings.held_lag)
        self.estimates = len(self._shares)
        self.record = CorrectionRecord(len(anchor), settings.record_memory)
        self.carries_over = True
        self.restart(anchor)

    def restart(self, anchor: Array) -> None:
        """Forget everything, and correct this anchor."""
        self._begin(anchor)
        self._keep_groups([self._group(range(len(self._anchor)))])
        self.record.forget()

    def roll_back(self, anchor: Array) -> None:
        """Forget what was learned, and correct this anchor. How good corrections have been and how
        far off labels usually are is still known: what was of no use is not to be used again at
        once, nor are outliers to be believed."""
        self._begin(anchor)
        for group in self._groups:
            group.restart()

    def _begin(self, anchor: Array) -> None:
        """All but the groups and the record."""
        self._anchor = np.array(anchor, np.float64)
        outputs = len(self._anchor)
        self._world = None
        settings = self._settings
        if self._world_prior is not None and settings.world_memories:
            self._world = WorldBank(
                self._world_prior, settings.world_memories, settings.world_priors
            )
        # (estimates, O, P); the first is the anchor itself.
        self._readouts = np.repeat(self._anchor[None], self.estimates, axis=0)
        self._weights = np.repeat(np.array(self._shares)[:, None], outputs, axis=1)
        self._held = np.zeros_like(self._weights)
        self._held[0] = 1.0
        self._stays = np.zeros(outputs)
        self._forget_earlier()
        self.silence = LabelSilence(outputs, settings)
        self.learned, self._mixed = self._anchor.copy(), self._anchor.copy()
        self._used = np.ones(outputs)
        self.persistence = ResidualPersistence(outputs, settings)
        self._to_follow: list[tuple[Labels, Array]] = []

    @property
    def readout(self) -> Array:
        """The mixture (O, P), and what is carried over."""
        readout = self._mixed.copy()
        readout[:, -1] += self.persistence.correction
        return readout

    @property
    def anchor_weight(self) -> Array:
        """How far the anchor is trusted, (O,) in [0, 1]."""
        return self._weights_now[0].copy()

    @property
    def fades(self) -> bool:
        """Whether the mixture changes while no labels come."""
        learned = (self._readouts != self._anchor).any(axis=(0, 2))
        return bool((learned & (self.silence.left > _NOTHING)).any())

    def predict(self, phi: Array) -> Array:
        """What each estimate says, (..., estimates, O), for phi (..., P)."""
        rows = self._readouts.reshape(-1, self._readouts.shape[2])
        return (phi @ rows.T).reshape(*phi.shape[:-1], *self._readouts.shape[:2])

    def learn(self, labels: Labels) -> tuple[Array, Array]:
        """Take N labelled samples.

        Returns how much each label counts, (N, O), and by how much all that came before counts
        less from now on, (O,): the world may have jumped.
        """
        phi, target, independent = labels.phi, labels.target, labels.independent
        known = ~np.isnan(target)
        trust = np.zeros(target.shape)
        kept = np.ones(target.shape[1])
        self._split_groups(known)
        residual = target - phi @ self._anchor.T
        samples = Samples(phi, target, residual, labels.predicted, independent, labels.apart)
        labelled = known.any(axis=0)
        for group in self._groups:
            outputs = group.outputs
            if labelled[outputs[0]]:
                counts, kept[outputs] = group.learn(samples)
                trust[:, outputs] = counts[:, None]
                self._learn_held(group, labels, residual, counts)
        counts = trust * independent
        if self._world is not None:
            if kept.min() < 1.0:
                self._world.fade(float(kept.min()))
            ages = np.max(independent, axis=1, where=known, initial=0.0)
            self._world.learn(phi, residual, counts, ages)
        said = labels.learned - phi @ self._anchor.T
        self.record.learn(said, residual, counts)
        self.persistence.learn(labels.carried, target - labels.mixed, counts)
        self._newest_label_s = max(self._newest_label_s, float(labels.stamp_s[-1]))
        self._to_follow.append((labels, trust))
        return trust, kept

    def _learn_held(
        self, group: OutputGroup, labels: Labels, residual: Array, trust: Array
    ) -> None:
        """Let labels that are trusted so far, (N,), say how much of what was learned lasts; the
        anchor leaves residual (N, O) of them."""
        counts = trust * labels.independent[:, group.outputs[0]]
        counts[np.isnan(labels.learned[:, group.outputs[0]])] = 0.0
        rows = counts > 0.0
        if not rows.any():
            return
        phi, counts = labels.phi[rows], counts[rows]
        anchor = phi @ self._anchor[group.outputs].T
        correction = labels.learned[rows][:, group.outputs] - anchor
        group.held.learn_newest(correction, residual[rows][:, group.outputs], counts)
        readouts = self._earlier.before(float(labels.stamp_s[rows][0]))
        if readouts is not None:
            said = np.einsum("np,kop->nko", phi, readouts[:, group.outputs])
            group.held.learn(said, labels.target[rows][:, group.outputs], counts)

    def rebuild(
        self, anchor: Array, phi: Array, target: Array, trust: Array, independent: Array
    ) -> None:
        """Correct another anchor, with other features, by what is still known of the past.

        Not for one that knows of worlds, which is in terms of the features.

        phi: (N, P), target: (N, O) with NaN where not known, trust, independent: (N, O), of all
        samples that are kept, oldest first. Which estimate is trusted stays as it is.
        """
        self._anchor = np.array(anchor, np.float64)
        known = ~np.isnan(target)
        residual = target - phi @ self._anchor.T
        self._to_follow.clear()
        self.persistence.forget_newest()
        self._forget_earlier()
        for group in self._groups:
            first = group.outputs[0]
            rows = known[:, first]
            group.forget()
            if rows.any():
                ages = independent[rows, first]
                counts = ages * trust[rows, first]
                group.teach(phi[rows], residual[rows][:, group.outputs], ages, counts)

    def solve(
        self,
        prior: Array,
        expected: ExpectedLabels | None = None,
        elapsed_s: float = 0.0,
        silent_s: float = 0.0,
    ) -> None:
        """Solve for all estimates, and mix them.

        prior: S (P, P). expected: counts this time as if it had been learned. elapsed_s, silent_s:
        see `pass_time`.
        """
        whole = slice(2, 2 + len(self._settings.memories))
        samples = None
        if expected is not None:
            residual = expected.target - expected.phi @ self._anchor.T
            samples = Samples(
                expected.phi, expected.target, residual, expected.predicted, expected.independent,
                apart=np.zeros(residual.shape),
            )  # fmt: skip
        corrections = np.zeros(self._readouts.shape)
        weights = np.empty(corrections.shape[:2])
        variance = np.empty(len(self._anchor))
        if self._world is not None:
            corrections[whole.stop :] = self._world_corrections(samples)
        for group in self._groups:
            outputs, solution = group.outputs, group.solve(prior, samples)
            corrections[1, outputs, -1] = solution.offset
            corrections[whole, outputs] = solution.whole.transpose(0, 2, 1)
            weights[:, outputs], variance[outputs] = solution.weights, group.variance
            self._held[:, outputs], self._stays[outputs] = group.held.claims, group.held.stays
        np.add(self._anchor, corrections, out=self._readouts)
        self._weights = weights
        self._used = self.record.used(variance)
        self.learned = np.einsum("ko,kop->op", weights, self._readouts)
        if np.isfinite(self._newest_label_s):
            self._earlier.note(self._newest_label_s, self._readouts)
        awaited = np.empty((0, len(self._anchor))) if expected is None else expected.target
        self.pass_time(awaited, elapsed_s, silent_s)

    def pass_time(self, awaited: Array, elapsed_s: float, silent_s: float) -> None:
        """Mix the estimates, and carry over what is left of the labels learned since this was done
        last: all that there is to do where neither labels nor expectations have come since then.

        awaited: (N, O) the labels that are expected, NaN for none. elapsed_s: time since this was
        done last [s]; silent_s: as much of it as labels could have come for.
        """
        labelled = np.zeros(len(self._anchor), np.bool_)
        for _, trust in self._to_follow:
            labelled |= (trust > 0.0).any(axis=0)
        self.silence.pass_time(silent_s, labelled, ~np.isnan(awaited).all(axis=0))
        self._mixed = np.einsum("ko,kop->op", self._weights_now, self._readouts)
        for labels, trust in self._to_follow:
            left = labels.target - labels.phi @ self._mixed.T
            self.persistence.follow(labels.stamp_s, left, trust)
        self._to_follow.clear()
        if self.carries_over:
            self.persistence.fade(elapsed_s, labelled)
        else:
            self.persistence.forget_newest()

    @property
    def _weights_now(self) -> Array:
        """The mixture's weights (estimates, O), as far as they are used and have not passed."""
        weights = self._used * self._weights
        weights[0] += 1.0 - self._used
        kept = np.maximum(self.silence.left, self._stays)
        if (kept == 1.0).all():
            return weights
        return kept * weights + (1.0 - kept) * self._held

    def _world_corrections(self, expected: Samples | None) -> Array:
        """Corrections by the estimates of the world, (M, O, P)."""
        if expected is None:
            return self._world.corrections()
        return self._world.corrections(expected.phi, expected.residual, expected.independent)

    def forget_times(self) -> None:
        """Labels that come next are of a new stream, which has times of its own."""
        self.persistence.forget_times()
        self._forget_earlier()

    def _forget_earlier(self) -> None:
        self._earlier.clear()
        self._newest_label_s = -np.inf

    def state(self) -> tuple[dict[str, Array], list[list[int]]]:
        """What was learned: tensors by name, and which outputs belong together."""
        return self._arrays(self._groups), [group.outputs for group in self._groups]

    def state_shapes(self, groups: object) -> dict[str, tuple[int, ...]]:
        """Shapes of a state's tensors; ValueError unless the groups are all outputs, once each."""
        if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
            raise ValueError(f"groups = {groups!r}: must be lists of outputs")
        outputs = len(self._anchor)
        if sorted(str(output) for group in groups for output in group) != sorted(
            str(output) for output in range(outputs)
        ):
            raise ValueError(f"groups = {groups}: must hold each of {outputs} outputs once")
        arrays = self._arrays([self._group(group) for group in groups])
        return {name: array.shape for name, array in arrays.items()}

    def restore(self, anchor: Array, tensors: dict[str, Array], groups: list[list[int]]) -> None:
        """Go on from a state, correcting this anchor."""
        self.restart(anchor)
        self._keep_groups([self._group(outputs) for outputs in groups])
        for name, array in self._arrays(self._groups).items():
            array[:] = tensors[name]
        self.silence.clip()

    def _arrays(self, groups: Sequence[OutputGroup]) -> dict[str, Array]:
        """All that is learned, by name, with these groups of outputs."""
        arrays = {}
        for number, group in enumerate(groups):
            arrays |= {f"{number}.{name}": group.state(name) for name in OutputGroup.STATE}
        parts = {"persistence.": self.persistence, "record.": self.record, "": self.silence}
        if self._world is not None:
            parts["world."] = self._world.bank
        for prefix, part in parts.items():
            arrays |= {prefix + name: getattr(part, name) for name in part.STATE}
        return arrays

    def _group(self, outputs: Sequence[int]) -> OutputGroup:
        return OutputGroup(outputs, self._anchor.shape[1], self._settings, self._shares)

    def _keep_groups(self, groups: list[OutputGroup]) -> None:
        self._groups = groups
        # Of each output, the first one of its group.
        self._leaders = np.arange(len(self._anchor))
        for group in groups:
            self._leaders[group.outputs] = group.outputs[0]

    def _split_groups(self, known: NDArray[np.bool_]) -> None:
        if (known == known[:, self._leaders]).all():
            return
        groups = []
        for group in self._groups:
            by_pattern: dict[bytes, list[int]] = {}
            for output in group.outputs:
                by_pattern.setdefault(known[:, output].tobytes(), []).append(output)
            parts = by_pattern.values()
            groups += [group] if len(parts) == 1 else [group.select(part) for part in parts]
        self._keep_groups(groups)
