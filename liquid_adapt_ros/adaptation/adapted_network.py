"""A network that runs on the stream, and a readout of it that follows the labels."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.expectations import Expectations
from liquid_adapt_ros.adaptation.readout_adaptation import (
    ExpectedLabels,
    Labels,
    ReadoutAdaptation,
)
from liquid_adapt_ros.adaptation.readout_matrix import joined, split, with_identity
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS, SampleRing
from liquid_adapt_ros.adaptation.second_moment import (
    SecondMoment,
    isotropy_after,
    with_isotropy,
)
from liquid_adapt_ros.adaptation.state_doubt import believed
from liquid_adapt_ros.adaptation.windows import Params
from liquid_adapt_ros.adaptation.world_bank import WorldPrior
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream

_LONG_AGO_NS = np.iinfo(np.int64).min


class AdaptedNetwork:
    """See the module's docstring. What it said of the samples lies in the ring, at its place.

    Attributes:
        backlog: stamps (N,) of samples with labels that it has not learned yet, and of which
            outputs, (N, O), in pieces as they came.
        network: the tensors whose readout is corrected.
        readout: the estimates of the readout.
        phi: (P,) what the readout read of the newest sample, 1 at the end.

    Args:
        spec: sizes.
        params: the tensors.
        settings: how fast the readout follows.
        adapts: whether it does.
        isotropy: how much of the readout's prior is the same in all directions [1]; more as long
            as the prior is made of few samples.
        ring: the samples.
        place: which of the ring's networks it is.
        world: how the readout of these tensors differs between worlds; None: not known.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        params: Params,
        settings: ReadoutSettings,
        adapts: bool,
        isotropy: float,
        ring: SampleRing,
        place: int,
        world: WorldPrior | None = None,
    ):
        self._settings, self._adapts, self._isotropy = settings, adapts, isotropy
        self._ring, self._place = ring, place
        # How many independent samples a step of the network is.
        self._independent_steps = min(spec.step_s / settings.correlation_s, 1.0)
        phi_spec = dataclasses.replace(spec, outputs=spec.head or spec.hidden)
        self.backlog: list[tuple[NDArray[np.int64], NDArray[np.bool_]]] = []
        self.network = dict(params)
        self._stream = StatefulStream(phi_spec, with_identity(self.network))
        self.readout = ReadoutAdaptation(self.anchor, settings, world)
        self.phi = np.ones(phi_spec.outputs + 1)
        self._moment = SecondMoment(len(self.phi))
        self._unseen = 0  # newest samples that are not in the moment yet
        self._unnoted = 0  # newest samples whose predictions are not in the ring yet
        # The second moment that the readout's prior was made of last, and that prior.
        self._prior_made_of: tuple[NDArray, NDArray] | None = None
        self._expected_until_ns = _LONG_AGO_NS  # newest sample whose label was ever expected
        self._carried_ns: int | None = None  # newest sample when residuals were carried over last

    def use(self, network: Params) -> None:
        """Run these tensors from the next sample on, the readout being corrected as before."""
        self.network = dict(network)
        self._stream.swap(with_identity(self.network))

    def roll_back(self, network: Params) -> None:
        """Run these tensors, and forget all corrections of the readout."""
        self.backlog.clear()
        self.note_predictions()
        self.use(network)
        self.readout.roll_back(self.anchor)

    def reset(self) -> None:
        """Start a new stream."""
        self.backlog.clear()
        self._stream.reset()
        self._expected_until_ns = _LONG_AGO_NS
        self._carried_ns = None
        self.readout.forget_times()

    @property
    def anchor(self) -> NDArray[np.float64]:
        """The network's own readout, which is corrected: (O, P), the bias last."""
        return joined(self.network)

    @property
    def params(self) -> dict[str, NDArray[np.float32]]:
        """All tensors, the readout corrected."""
        return self.network | split(self.readout.readout)

    @property
    def hidden_state(self) -> NDArray[np.float32]:
        """Copy of the state (H,)."""
        return self._stream.hidden_state

    def step(self, features: NDArray[np.float32], dt_s: float) -> bool:
        """Take a sample; returns whether all is finite."""
        self.phi[:-1], finite = self._stream.step(features, dt_s)
        self._unseen += 1
        self._unnoted += 1
        return finite

    def note_predictions(self) -> None:
        """Write into the ring what comes of all estimates, and what each of them says, of the
        samples since it was done last. To be called before the readout changes."""
        fresh = min(self._unnoted, len(self._ring))
        self._unnoted = 0
        if fresh:
            phi = self._ring.phi[-fresh:, self._place].astype(np.float64)
            said = self._ring.predicted[-fresh:, self._place]
            said[:, 0] = phi @ self.readout.readout.T
            said[:, 1 : 1 + self.readout.estimates] = self.readout.predict(phi)
            self._ring.learned[-fresh:, self._place] = phi @ self.readout.learned.T
            persistence = self.readout.persistence
            self._ring.mixed[-fresh:, self._place] = said[:, 0] - persistence.correction
            self._ring.carried[-fresh:, self._place] = persistence.newest

    def learn_backlog(self) -> tuple[NDArray, NDArray, NDArray, NDArray] | None:
        """Learn what has waited; None: nothing that is still kept.

        Returns the ring's rows (N,), which outputs had labels (N, O), and what `learn` does.
        """
        ring = self._ring
        if not self.backlog:
            return None
        stamps_ns, fresh = (np.concatenate(part) for part in zip(*self.backlog, strict=True))
        self.backlog.clear()
        rows, fresh = ring.find_labelled(stamps_ns, fresh)
        if not len(rows):
            return None
        target = np.where(fresh, ring.target[rows], np.nan).astype(np.float64)
        return rows, fresh, *self.learn(rows, target)

    def learn(
        self, rows: NDArray[np.int64], target: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Learn labels (N, O), NaN where not known now, of the ring's rows (N,).

        Returns how much each counts (N, O) and how much the past still does (O,).
        """
        if not self._adapts:
            return (~np.isnan(target)).astype(np.float64), np.ones(target.shape[1])
        ring, place = self._ring, self._place
        now = self.now(rows)
        share = believed(target - now[:, 0], ring.doubt[rows])[:, None]
        trust, kept = self.readout.learn(
            Labels(
                stamp_s=ring.stamp_ns[rows] / NANOSECONDS,
                phi=ring.phi[rows, place].astype(np.float64),
                target=target,
                predicted=now[:, 1:],
                learned=ring.learned[rows, place].astype(np.float64),
                mixed=ring.mixed[rows, place].astype(np.float64),
                carried=ring.carried[rows, place].astype(np.float64),
                independent=self._independent(rows) * share,
                apart=self._apart(rows),
            )
        )
        return trust * share, kept

    def labelled_s(
        self, rows: NDArray[np.int64], labelled: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The time that labels of the ring's rows (N,) and outputs (N, O) are of, (N,) [s]: that
        of the sample, or more where labels are rare."""
        independent = self._independent(rows).max(axis=1, where=labelled, initial=0.0)
        return np.maximum(self._ring.dt_s[rows], self._settings.correlation_s * independent)

    def unlabelled_s(
        self, rows: NDArray[np.int64], labelled: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """The time without labels that usually lies before each of those, (N,) [s]: 0 unless they
        are farther apart than errors are alike."""
        apart = self._apart(rows).max(axis=1, where=labelled, initial=0.0)
        return self._settings.correlation_s * np.maximum(apart - 1.0, 0.0)

    def now(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """What comes of all estimates, and what each of them says, (N, 1 + estimates, O), of the
        ring's rows (N,), as far as is known now without their labels.

        When a sample was observed, less was known of the world, and it is no fault of an estimate
        that labels come late. Where a label was expected, it is what was said then: since then the
        estimates have seen it.
        """
        ring, place = self._ring, self._place
        said = ring.predicted[rows, place, : 1 + self.readout.estimates].astype(np.float64)
        fresh = ring.stamp_ns[rows] > self._expected_until_ns
        if fresh.any():
            phi = ring.phi[rows[fresh], place].astype(np.float64)
            said[fresh, 0] = phi @ self.readout.readout.T
            said[fresh, 1:] = self.readout.predict(phi)
        return said

    def solve(
        self, nominal_moment: NDArray[np.float64] | None, expected: Expectations | None = None
    ) -> None:
        """Bring the readout up to what is known.

        nominal_moment: (P, P) second moment of phi where the network is known to be good; None:
        that of what was observed.
        """
        if self._adapts:
            self.note_predictions()
            labels = self._expected_labels(expected) if expected else None
            self.readout.solve(self._prior(nominal_moment), labels, *self._elapsed_s())

    @property
    def is_passing(self) -> bool:
        """Whether the readout changes while no labels come."""
        if self.readout.persistence.newest.any():
            return True
        return bool(self._ring.usable[-1:].any()) and self.readout.fades

    def pass_time(self, expected: Expectations) -> None:
        """Where no labels come: let pass what does not last without them."""
        self.note_predictions()
        _, awaited = expected.of(self._ring)
        self.readout.pass_time(awaited, *self._elapsed_s())

    def rebuild(
        self, phi: NDArray[np.float64], nominal_moment: NDArray[np.float64] | None
    ) -> None:
        """Solve for the readout again, phi (N, P - 1) being what all the ring's samples are to
        the network now."""
        ring = self._ring
        self.note_predictions()
        self.backlog.clear()  # what others have learned already counts in the ring
        ring.phi[:, self._place, :-1] = phi
        self._moment = SecondMoment(len(self.phi))
        self._unseen = len(ring)
        if not self._adapts:
            self.readout.restart(self.anchor)
            return
        self.readout.rebuild(
            self.anchor,
            ring.phi[:, self._place].astype(np.float64),
            ring.target.astype(np.float64),
            ring.trust.astype(np.float64),
            self._independent(slice(None)),
        )
        self.solve(nominal_moment)

    @property
    def observed_moment(self) -> SecondMoment:
        """Second moment of phi over the usable samples observed."""
        fresh = min(self._unseen, len(self._ring))
        if fresh:
            usable = self._ring.usable[-fresh:]
            self._moment.learn(self._ring.phi[-fresh:, self._place][usable])
            self._unseen = 0
        return self._moment

    def _independent(self, rows: NDArray[np.int64] | slice) -> NDArray[np.float64]:
        """How many independent samples the labels of the ring's rows are, (N, O)."""
        return self._settings.independent(self._ring.dt_s[rows, None], self._ring.stands_for[rows])

    def _apart(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How many independent samples those usually are from the label before, (N, O)."""
        return self._settings.apart(self._ring.dt_s[rows, None], self._ring.stands_for[rows])

    def _elapsed_s(self) -> tuple[float, float]:
        """Time of stream since this was asked for last, and as much of it as had samples of which
        labels may be learned [s]."""
        ring = self._ring
        newest_ns = int(ring.stamp_ns[-1]) if len(ring) else None
        since_ns, self._carried_ns = self._carried_ns, newest_ns
        if newest_ns is None or since_ns is None or newest_ns == since_ns:
            return 0.0, 0.0
        elapsed_s = (newest_ns - since_ns) / NANOSECONDS
        usable = ring.usable[ring.stamp_ns.searchsorted(since_ns, "right") :]
        return elapsed_s, elapsed_s * float(usable.mean())

    def _expected_labels(self, expected: Expectations) -> ExpectedLabels | None:
        """What is expected now; None: nothing. Estimates are compared by what they say of a sample
        when its label is first expected; see `now`."""
        ring, place = self._ring, self._place
        rows, target = expected.of(ring)
        if not len(rows):
            return None
        phi = ring.phi[rows, place].astype(np.float64)
        own = slice(1, 1 + self.readout.estimates)
        fresh = ring.stamp_ns[rows] > self._expected_until_ns
        if fresh.any():
            ring.predicted[rows[fresh], place, own] = self.readout.predict(phi[fresh])
            self._expected_until_ns = int(ring.stamp_ns[rows].max())
        return ExpectedLabels(
            phi=phi,
            target=target,
            predicted=ring.predicted[rows, place, own].astype(np.float64),
            independent=self._independent(rows),
        )

    def _prior(self, nominal_moment: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if nominal_moment is None:
            seen = self.observed_moment
            samples = seen.samples * self._independent_steps
            isotropy = isotropy_after(samples, len(self.phi), self._isotropy)
            return with_isotropy(seen.mean, isotropy)
        if self._prior_made_of is None or self._prior_made_of[0] is not nominal_moment:
            prior = with_isotropy(nominal_moment, self._isotropy)
            self._prior_made_of = nominal_moment, prior
        return self._prior_made_of[1]
