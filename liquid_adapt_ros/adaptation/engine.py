"""The learning engine: features in, labels when they become known, weight updates out.

    engine = AdaptationEngine(spec, params)
    for each sample:          said = engine.observe(stamp_ns, features)
    for each label, whenever: engine.label(stamp_ns, target)
    for each sample:          update = engine.update()         # the readout, at most 50 times a s
    now and then:             job = engine.training_job()      # the network, every 0.5 s, say
                              update = engine.finish(job, job.run())   # run() in any thread

Two time scales: `readout_adaptation.py` follows within tenths of a second, `window_training.py`
moves the whole network to where the readout has less to correct. The shipped network runs beside
the one that is trained, each with its own readout, and `guard.py` chooses which of them flies.
Nothing here knows of ROS, of robots or of units: features and targets are those of the network,
about 1 in size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.adapted_network import AdaptedNetwork
from liquid_adapt_ros.adaptation.engine_results import Counts, Prediction, Update
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.expectations import Expectations
from liquid_adapt_ros.adaptation.guard import LiveGuard
from liquid_adapt_ros.adaptation.readout_matrix import joined, split
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS, SampleRing
from liquid_adapt_ros.adaptation.training_job import NotReady, TrainingJob, TrainingSide
from liquid_adapt_ros.adaptation.windows import NominalSet, Params
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream

# A network that is neither the shipped one nor in use learns labels once in so many updates.
_SPARE_EVERY = 4
# Samples further apart than this belong to different pieces of stream.
_LONGEST_GAP_STEPS = 2.5


class AdaptationEngine:
    """See the module's docstring. Not thread-safe, but for the job's run().

    Attributes:
        networks: the shipped network, and where training is on the one that is trained; both with
            a readout that follows the labels.
        flies: which of them is in use, from 1; 0: the shipped weights.
        training: the slow time scale; None where it is off.
        counts: what became of labels and candidates.

    Args:
        spec: the network's sizes.
        params: its shipped weights, float32.
        nominal: windows and Fisher information of the data it was trained on, and how its readout
            differs between worlds; None: unknown.
        settings: see there.
        output_weight: (O,) how much each output's error counts in training and for the guard.
        seed: decides which windows are replayed.

    Raises:
        ValueError: sizes that do not fit.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        params: Params,
        nominal: NominalSet | None = None,
        settings: EngineSettings | None = None,
        output_weight: ArrayLike | None = None,
        seed: int = 0,
    ):
        settings = settings or EngineSettings()
        spec.check_params(params)
        self.spec, self.settings = spec, settings
        self._shipped = {name: np.array(value, np.float32) for name, value in params.items()}
        weight = np.ones(spec.outputs) if output_weight is None else np.asarray(output_weight)
        if weight.shape != (spec.outputs,) or not (weight >= 0.0).all() or not weight.any():
            raise ValueError(f"output_weight must be {spec.outputs} numbers >= 0, got {weight}")
        self._output_weight = weight.astype(np.float32)
        readout_settings = settings.readout or ReadoutSettings()
        networks = 1 if settings.training is None else 2
        world = nominal.world if nominal else None
        readout = (spec.outputs, (spec.head or spec.hidden) + 1)
        if world is not None and world.directions.shape[1:] != readout:
            raise ValueError(
                f"directions of worlds are {world.directions.shape[1:]}, the readout is {readout}"
            )
        self._ring = SampleRing(
            max(1, round(settings.memory_s / spec.step_s)),
            spec.features,
            spec.hidden,
            networks,
            readout[1],
            1 + len(readout_settings.shares(world)),  # what comes of them all comes first
            spec.outputs,
        )
        self.networks = [
            AdaptedNetwork(
                spec,
                self._shipped,
                readout_settings,
                settings.readout is not None,
                settings.prior_isotropy,
                self._ring,
                place,
                None if place else world,  # it is in terms of the shipped network's features
            )
            for place in range(networks)
        ]
        self._shipped_readout = joined(self._shipped)
        self._flying = StatefulStream(spec, self._shipped)
        self.flies = self._first = 1 if settings.guard else networks
        self._pending: list[tuple[NDArray[np.int64], NDArray[np.bool_]]] = []
        self._expectations = Expectations(spec.outputs, settings.expected_s)
        self._newest_ns: int | None = None
        self._updated_ns: int | None = None
        self._updates = 0
        self._segment = 0
        self._max_gap_s = min(_LONGEST_GAP_STEPS * spec.step_s, spec.max_stable_step_s)
        self._live = LiveGuard(settings.guard, networks) if settings.guard else None
        self.training = (
            TrainingSide(spec, self._shipped, nominal, settings, self._output_weight, seed)
            if settings.training
            else None
        )
        self._paused = ""
        self.counts = Counts()

    # --- the stream ---------------------------------------------------------------------------

    def observe(self, stamp_ns: int, features: ArrayLike, usable: bool = True) -> Prediction:
        """Step both networks with a sample (F,); `usable`: whether labels of it may be learned.

        Raises:
            ValueError: wrong length, not finite, or not newer than the newest sample.
        """
        values = np.asarray(features, np.float32)
        if values.shape != (self.spec.features,):
            raise ValueError(f"{values.size} features, expected {self.spec.features}")
        if not np.isfinite(values).all():
            raise ValueError("features are not finite")
        dt_s = self._time_step(stamp_ns)
        hidden_state = self.networks[-1].hidden_state
        finite = True
        for network in self.networks:
            finite &= network.step(values, dt_s)
        adapted, flying_finite = self._flying.step(values, dt_s)
        frozen = self._shipped_readout @ self.networks[0].phi
        if dt_s > self._max_gap_s:
            self._segment += 1
        self._ring.append(
            stamp_ns=stamp_ns,
            dt_s=min(dt_s, self._max_gap_s),
            segment=self._segment,
            features=values,
            usable=usable and finite and not self._paused,
            hidden_state=hidden_state,
            phi=[network.phi for network in self.networks],
            flown=(adapted, frozen),
        )
        return Prediction(adapted.astype(np.float64), frozen, finite and flying_finite)

    def label(self, stamp_ns: int, target: ArrayLike) -> bool:
        """Take what the outputs (O,) should have been for the sample of this stamp; NaN: unknown.

        A sample may be labelled in several calls, each for other outputs; an output that has a
        label keeps it. Returns whether there was anything to learn from it.

        Raises:
            ValueError: wrong length or infinite.
        """
        return self.label_all([stamp_ns], np.asarray(target, np.float32)[None]) > 0

    def label_all(self, stamps_ns: ArrayLike, targets: ArrayLike) -> int:
        """The same for samples of these stamps (N,), rising, and targets (N, O).

        Returns of how many there was anything to learn.

        Raises:
            ValueError: wrong shape, infinite, or stamps that do not rise.
        """
        stamps_ns, values = np.asarray(stamps_ns, np.int64), np.asarray(targets, np.float32)
        if values.shape != (*stamps_ns.shape, self.spec.outputs) or np.isinf(values).any():
            raise ValueError(f"a label needs {self.spec.outputs} values without infinities")
        if not (stamps_ns[1:] > stamps_ns[:-1]).all():
            raise ValueError("stamps of labels must rise")
        if self._paused:
            self.counts.labels_unmatched += len(stamps_ns)
            return 0
        labelled_ns, fresh, unmatched = self._ring.label(stamps_ns, values)
        self.counts.labels_unmatched += unmatched
        if len(labelled_ns):
            self._pending.append((labelled_ns, fresh))
            self.counts.labels += len(labelled_ns)
        return len(labelled_ns)

    def expect(self, stamps_ns: ArrayLike, targets: ArrayLike) -> None:
        """Say what labels of the newest samples (N,) are likely to be, (N, O); NaN: unknown.

        They count like labels until labels come, or `expected_s` has passed, or they are replaced
        by the next call; but nothing is judged by them, and the network is not trained on them.

        Raises:
            ValueError: wrong shape or infinite.
        """
        if not self._paused:
            self._expectations.replace(stamps_ns, targets)

    def forget_stream(self) -> None:
        """Start a new stream, as after a jump of the clock; what was learned stays."""
        self._newest_ns = self._updated_ns = None
        for stream in (self._flying, *self.networks):
            stream.reset()
        self._ring.clear()
        self._pending.clear()
        self._expectations.clear()

    def pause(self, reason: str) -> None:
        """Learn nothing from samples and labels that come from now on, and carry no residuals over
        from the newest; "" ends the pause."""
        self._paused = reason
        self._expectations.clear()
        for network in self.networks:
            network.readout.carries_over = not reason

    # --- what is known ------------------------------------------------------------------------

    @property
    def params(self) -> dict[str, NDArray[np.float32]]:
        """All tensors as they fly now."""
        return self.networks[self.flies - 1].params if self.flies else dict(self._shipped)

    def predictions_at(self, stamps_ns: ArrayLike) -> NDArray[np.float64]:
        """What those in use and the shipped weights said, (N, 2, O), to samples of these stamps
        (N,); NaN where not kept."""
        stamps_ns = np.asarray(stamps_ns, np.int64)
        said = np.full((len(stamps_ns), 2, self.spec.outputs), np.nan)
        rows, places = self._ring.find_all(stamps_ns)
        said[places] = self._ring.flown[rows]
        return said

    @property
    def gain(self) -> float:
        """Fall of the live error against the frozen network's [1]; NaN while unknown."""
        return self._live.gain if self._live else math.nan

    @property
    def anchor_weight(self) -> NDArray[np.float64]:
        """How far each output's readout is left as the network's own, (O,) in [0, 1]."""
        if not self.flies:
            return np.ones(self.spec.outputs)
        return self.networks[self.flies - 1].readout.anchor_weight

    # --- the fast time scale ------------------------------------------------------------------

    @property
    def is_due(self) -> bool:
        """Whether the readout may be updated again."""
        if self._updated_ns is None:
            return True
        elapsed_s = (self._newest_ns - self._updated_ns) / NANOSECONDS
        return elapsed_s >= self.settings.update_period_s * (1.0 - 1e-6)

    def update(self) -> Update | None:
        """Learn the labels that have come, if it is time to; None where nothing changed."""
        if not self.is_due:
            return None
        is_news = bool(self._pending) or self._expectations.are_new
        if not (is_news or any(network.is_passing for network in self.networks)):
            return None
        self._updated_ns = self._newest_ns
        if not is_news:
            for network in self.networks:
                network.pass_time(self._expectations)
            return self._fly("readout") if self.flies else None
        self._updates += 1
        following = self._following()
        for network in self.networks:
            network.note_predictions()
        if self._pending:
            stamps_ns, fresh = map(np.concatenate, zip(*self._pending, strict=True))
            self._pending = []
            if self._live is not None:
                self._compare(stamps_ns, fresh)
            for network in self.networks:
                network.backlog.append((stamps_ns, fresh))
        for network in following:
            self._learn_backlog(network)
        if self._live is not None and self._live.must_forget:
            return self._roll_back()
        self.solve_readouts(following)
        if self._live is not None and self._live.flies != self.flies:
            self.flies = self._live.flies
            self.counts.fallen_back += not self.flies
            return self._fly("choice")
        if self.flies and self.settings.readout is not None:
            return self._fly("readout")
        return None

    def restore_shipped(self) -> Update:
        """Go back to the shipped weights and forget all that was ever seen of labels."""
        update = self._roll_back()
        for network in self.networks:
            network.readout.restart(network.anchor)
        return update

    def _roll_back(self) -> Update:
        """Go back to the shipped weights; what labels are like is still known."""
        self.counts.rolled_back += 1
        for network in self.networks:
            network.roll_back(self._shipped)
        self.flies = self._first
        if self._live is not None:
            self._live.reset()
        if self.training is not None:
            self.training.restart()
        return self._fly("rollback")

    def resume(self, flies: int) -> None:
        """Go on with what the networks and their readouts have been set to."""
        self.flies = flies
        if self._live is not None:
            self._live.flies = flies
        self.solve_readouts()
        self._flying.swap(self.params)

    def solve_readouts(self, networks: Sequence[AdaptedNetwork] | None = None) -> None:
        """Bring the readouts up to what is known; of these networks, None: of all."""
        for network, moment in zip(self.networks, self._nominal_moments(), strict=True):
            if networks is None or network in networks:
                network.solve(moment, self._expectations)

    # --- the slow time scale ------------------------------------------------------------------

    def training_job(self) -> TrainingJob:
        """What to train on next; its run() changes nothing here and may take its time.

        Raises:
            NotReady: there is nothing to train on yet; the text is the reason.
        """
        if self.training is None:
            raise NotReady("training is off")
        if self._paused:
            raise NotReady(self._paused)
        return self.training.job(self._ring, self.networks[-1].network)

    def finish(self, job: TrainingJob, objection: str) -> Update | None:
        """Take over what a job came to, `objection` being what run() returned; None where nothing
        changed: most jobs are steps towards a candidate."""
        if not (objection or job.candidate) or not self.training.is_current(job):
            return None
        if objection:
            self.counts.rejected += 1
            return None
        self.counts.accepted += 1
        self.training.take(job)
        trained = self.networks[-1]
        trained.use(job.candidate)
        trained.rebuild(self.training.phi_of(self._ring), self.training.nominal_moment)
        return self._fly("network") if self.flies == len(self.networks) else None

    # --- inside -------------------------------------------------------------------------------

    def _time_step(self, stamp_ns: int) -> float:
        if self._newest_ns is None:
            dt_s = self.spec.step_s
        else:
            dt_s = (stamp_ns - self._newest_ns) / NANOSECONDS
        if not dt_s > 0.0:
            raise ValueError(f"stamp {stamp_ns} ns is not newer than {self._newest_ns} ns")
        self._newest_ns = stamp_ns
        return dt_s

    def _following(self) -> list[AdaptedNetwork]:
        """The networks that learn labels now."""
        if self._updates % _SPARE_EVERY == 0:
            return self.networks
        places = {0, max(self.flies - 1, 0)}
        return [network for place, network in enumerate(self.networks) if place in places]

    def _compare(self, stamps_ns: NDArray[np.int64], fresh: NDArray[np.bool_]) -> None:
        """Let the live guard see labels that have come, of samples (N,) and outputs (N, O)."""
        ring = self._ring
        rows, fresh = ring.find_labelled(stamps_ns, fresh)
        if not len(rows):
            return
        target = np.where(fresh, ring.target[rows], np.nan).astype(np.float64)
        shipped, learned = ring.flown[rows, 1:], ring.predicted[rows, :, 0]
        compared = np.concatenate([shipped, learned], axis=1).astype(np.float64)
        duration_s = self.networks[0].labelled_s(rows, fresh)
        if not self.flies:
            now = np.concatenate([shipped, self.networks[0].now(rows)[:, :1]], axis=1)
            passed_s = duration_s + self.networks[0].unlabelled_s(rows, fresh)
            self._live.foresee(target, now, self._output_weight, passed_s)
        self._live.compare(target, compared, self._output_weight, duration_s)

    def _learn_backlog(self, network: AdaptedNetwork) -> None:
        learned = network.learn_backlog()
        if learned is None or network is not self.networks[0]:
            return
        # Training trusts labels as the shipped network's readout does, which learns them first.
        rows, fresh, trust, kept = learned
        if kept.min() < 1.0:
            self._ring.trust[:] *= kept
        self._ring.trust[rows] = np.where(fresh, trust, self._ring.trust[rows])

    def _nominal_moments(self) -> list[NDArray[np.float64] | None]:
        """Second moment of phi where the shipped network is known to be good, for each network."""
        if self.training is None:
            return [None]
        return [self.training.shipped_moment, self.training.nominal_moment]

    def _fly(self, kind: str) -> Update:
        """Use what was learned from the next sample on."""
        if kind == "readout":
            tensors = split(self.networks[self.flies - 1].readout.readout)
            self._flying.swap_readout(tensors)
        else:
            tensors = self.params
            self._flying.swap(tensors)
        gain = math.nan if kind == "rollback" else 100.0 * self.gain
        return Update(tensors, kind, gain)
