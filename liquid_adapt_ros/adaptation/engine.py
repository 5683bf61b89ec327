"""The learning engine: features in, labels when they become known, weight updates out.

    engine = AdaptationEngine(spec, params)
    for each sample:          said = engine.observe(stamp_ns, features)
    for each label, whenever: engine.label(stamp_ns, target)
    for each sample:          update = engine.update()         # the readout, at most 50 times a s
    now and then:             job = engine.training_job()      # the network, every 0.5 s, say
                              update = engine.finish(job, job.run())   # run() in any thread

Two time scales: `readout_side.py` follows within tenths of a second, `training_job.py` moves the
whole network to where the readout has less to correct. The shipped network runs beside the one
that is trained, each with its own readout, and `guard.py` chooses which of them flies.
Nothing here knows of ROS, of robots or of units: features and targets are those of the network,
about 1 in size.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liquid_adapt_ros.adaptation.adapted_network import AdaptedNetwork
from liquid_adapt_ros.adaptation.engine_results import Counts, Prediction, Update
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.readout_matrix import joined, split
from liquid_adapt_ros.adaptation.readout_side import Moments, ReadoutSide
from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS
from liquid_adapt_ros.adaptation.state_doubt import StateDoubt
from liquid_adapt_ros.adaptation.training_job import NotReady, TrainingJob, TrainingSide
from liquid_adapt_ros.adaptation.windows import NominalSet, Params
from liquid_adapt_ros.lnn.network_spec import NetworkSpec
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream

# Samples further apart than this belong to different pieces of stream.
_LONGEST_GAP_STEPS = 2.5


class AdaptationEngine:
    """See the module's docstring. Not thread-safe, but for the job's run().

    Attributes:
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
        output_weight = weight.astype(np.float32)
        self.counts = Counts()
        world = nominal.world if nominal else None
        self._readouts = ReadoutSide(
            spec, self._shipped, world, settings, output_weight, self.counts
        )
        self.training = (
            TrainingSide(spec, self._shipped, nominal, settings, output_weight, seed)
            if settings.training
            else None
        )
        self._ring = self._readouts.ring
        self._shipped_readout = joined(self._shipped)
        self._flying = StatefulStream(spec, self._shipped)
        self._doubt = StateDoubt(spec, self._shipped)
        self._newest_ns: int | None = None
        self._updated_ns: int | None = None
        self._segment = 0
        self._max_gap_s = min(_LONGEST_GAP_STEPS * spec.step_s, spec.max_stable_step_s)
        self._paused = ""

    # --- the stream ---------------------------------------------------------------------------

    def observe(self, stamp_ns: int, features: ArrayLike, usable: bool = True) -> Prediction:
        """Step both networks with a sample (F,); `usable`: whether labels of it may be learned.

        At the start of a stream and after a gap they count only as far as they are off by more
        than the networks' state may be to blame for; see `state_doubt.py`.

        Raises:
            ValueError: wrong length, not finite, or not newer than the newest sample.
        """
        values = np.asarray(features, np.float32)
        if values.shape != (self.spec.features,):
            raise ValueError(f"{values.size} features, expected {self.spec.features}")
        if not np.isfinite(values).all():
            raise ValueError("features are not finite")
        dt_s = self._time_step(stamp_ns)
        if dt_s > self._max_gap_s:
            self._segment += 1
            self._doubt.after_gap(self.networks[0].hidden_state)
        hidden_state = self.networks[-1].hidden_state
        finite = True
        for network in self.networks:
            finite &= network.step(values, dt_s)
        adapted, flying_finite = self._flying.step(values, dt_s)
        frozen = self._shipped_readout @ self.networks[0].phi
        self._ring.append(
            stamp_ns=stamp_ns,
            dt_s=min(dt_s, self._max_gap_s),
            segment=self._segment,
            features=values,
            usable=usable and finite and not self._paused,
            hidden_state=hidden_state,
            phi=[network.phi for network in self.networks],
            flown=(adapted, frozen),
            doubt=self._doubt.step(values, dt_s, frozen),
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
            self.counts.labels_unused += len(stamps_ns)
            return 0
        return self._readouts.label(stamps_ns, values)

    def expect(self, stamps_ns: ArrayLike, targets: ArrayLike) -> None:
        """Say what labels of the newest samples (N,) are likely to be, (N, O); NaN: unknown.

        They count like labels until labels come, or `expected_s` has passed, or they are replaced
        by the next call; but nothing is judged by them, and the network is not trained on them.

        Raises:
            ValueError: wrong shape or infinite.
        """
        if not self._paused:
            self._readouts.expectations.replace(stamps_ns, targets)

    def forget_stream(self) -> None:
        """Start a new stream, as after a jump of the clock; what was learned stays."""
        self._newest_ns = self._updated_ns = None
        self._flying.reset()
        self._doubt.restart()
        self._readouts.forget_stream()

    def pause(self, reason: str) -> None:
        """Learn nothing from samples and labels that come from now on, and carry no residuals over
        from the newest; "" ends the pause."""
        self._paused = reason
        self._readouts.expectations.clear()
        for network in self.networks:
            network.readout.carries_over = not reason

    # --- what is known ------------------------------------------------------------------------

    @property
    def networks(self) -> list[AdaptedNetwork]:
        """The shipped network, and where training is on the one that is trained; both with a
        readout that follows the labels."""
        return self._readouts.networks

    @property
    def flies(self) -> int:
        """Which of them is in use, from 1; 0: the shipped weights."""
        return self._readouts.flies

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
        return self._readouts.gain

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
        if not (self.is_due and self._readouts.have_work):
            return None
        self._updated_ns = self._newest_ns
        changed = self._readouts.update(self._moments)
        if changed == "rollback":
            return self._rolled_back()
        return self._fly(changed) if changed else None

    def restore_shipped(self) -> Update:
        """Go back to the shipped weights and forget all that was ever seen of labels."""
        self._readouts.restart()
        return self._rolled_back()

    def resume(self, flies: int) -> None:
        """Go on with what the networks and their readouts have been set to."""
        self._readouts.fly(flies)
        self.solve_readouts()
        self._flying.swap(self.params)

    def solve_readouts(self) -> None:
        """Bring all readouts up to what is known."""
        self._readouts.solve(self._moments)

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

    @property
    def _moments(self) -> Moments:
        if self.training is None:
            return [None]
        return [self.training.shipped_moment, self.training.nominal_moment]

    def _rolled_back(self) -> Update:
        if self.training is not None:
            self.training.restart()
        return self._fly("rollback")

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
