"""What the slow time scale trains on, and whether what comes of it is to be taken over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.guard import CandidateJudge
from liquid_adapt_ros.adaptation.sample_ring import SampleRing
from liquid_adapt_ros.adaptation.window_training import WindowTraining
from liquid_adapt_ros.adaptation.windows import NominalSet, Params, Reservoir, Windows
from liquid_adapt_ros.lnn.network_spec import NetworkSpec

# Labels that the readout's gate trusts less than this are kept from the gradient.
_TRUST_MIN = 0.25
# Of the nominal set, every fourth window is kept for the judge.
_JUDGED = 4


class NotReady(Exception):
    """There is nothing to train on yet; the text is the reason."""


@dataclass
class TrainingJob:
    """One optimiser step with all it needs; `run` may be called in another thread.

    Attributes:
        batches, weights: what the step is made on, and how much each window counts.
        newest: what a candidate is judged on.
        in_use: the weights that a candidate is compared with.
        epoch: rises when what was trained is given up.
        candidate: the weights that the last steps came to, where this one was the last of them.
    """

    side: TrainingSide
    batches: list[Windows]
    weights: NDArray[np.float32]
    newest: Windows
    in_use: Params
    epoch: int
    candidate: Params | None = None
    nominal_moment: NDArray[np.float64] | None = None

    def run(self) -> str:
        """Train; returns why the candidate is to be dropped, empty where it is not or where more
        steps are to come."""
        return self.side.run(self)


class TrainingSide:
    """The trained network, what it is trained on and its judge.

    Args: as of the engine.

    Attributes:
        shipped_moment: (P, P) second moment of phi on the nominal set by the shipped weights.
        nominal_moment: the same by the weights in use. Both are None where there is no such set.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        shipped: Params,
        nominal: NominalSet | None,
        settings: EngineSettings,
        output_weight: NDArray[np.float32],
        seed: int,
    ):
        self._settings = settings
        self._spec = spec
        self._output_weight = output_weight
        fisher = nominal.fisher if nominal else None
        self._training = WindowTraining(spec, shipped, output_weight, settings.training, fisher)
        self._judge = CandidateJudge(settings.guard) if settings.guard else None
        self._rng = np.random.default_rng(seed)
        self._reservoir = Reservoir(settings.windows.replay_capacity, self._rng)
        self._offered_ns = 0
        self._epoch = 0
        self._judged = self._replayed = None
        if nominal is not None:
            windows = nominal.windows.without_start(settings.windows.burn_in)
            is_judged = np.arange(len(windows)) % _JUDGED == 0
            self._judged, self._replayed = windows.select(is_judged), windows.select(~is_judged)
        self._shipped_error = self.shipped_moment = None
        if self._judged is not None:
            self._shipped_error, self.shipped_moment = self._on_nominal()
        self.nominal_moment = self.shipped_moment
        self._gathered_epoch = self._gathered = 0

    def restart(self) -> None:
        """Go back to the shipped weights; what was seen is kept."""
        self._epoch += 1
        self.nominal_moment = self.shipped_moment

    def is_current(self, job: TrainingJob) -> bool:
        """Whether the weights that a job started from have not been taken back meanwhile."""
        return job.epoch == self._epoch

    def take(self, job: TrainingJob) -> None:
        """The job's candidate is in use from now on."""
        self.nominal_moment = job.nominal_moment

    def job(self, ring: SampleRing, network: Params) -> TrainingJob:
        """Cut the newest windows, draw old ones.

        Raises:
            NotReady: too few samples of the newest window are labelled.
        """
        settings = self._settings.windows
        end = self._newest_labelled(ring)
        newest = self._cut(ring, end - settings.newest, end, settings.burn_in)
        recent = []
        for number in range(settings.recent):
            last = end - settings.newest - number * settings.length
            window = self._cut(
                ring, last - settings.length + settings.burn_in, last, settings.burn_in
            )
            if window is not None and _labelled(window) >= settings.min_labelled:
                recent.append(window)
        if newest is None or not recent or not _labelled(newest):
            raise NotReady(f"fewer than {settings.min_labelled} labels in the newest window")
        self._offer(ring, end, recent[-1])
        batches, weights = [], None
        for _ in range(self._settings.training.accumulate):
            batch, weights = self._batch(recent)
            batches.append(batch)
        return TrainingJob(self, batches, weights, newest, network, self._epoch)

    def run(self, job: TrainingJob) -> str:
        """See TrainingJob.run."""
        training = self._training
        if self._gathered_epoch != job.epoch:
            # The weights in use are others than the optimiser's, and so is what it gathered.
            self._gathered_epoch, self._gathered = job.epoch, 0
            training.forget_optimiser()
        if not self._gathered:
            training.go_on_from(job.in_use)
        try:
            training.step(job.batches, [job.weights] * len(job.batches))
        except FloatingPointError as error:
            self._gathered = 0
            return str(error)
        self._gathered += 1
        if self._gathered < self._settings.training.steps:
            return ""
        self._gathered = 0
        job.candidate = training.params()
        if not all(np.isfinite(value).all() for value in job.candidate.values()):
            return "weights are not finite"
        training.go_on_from(job.in_use)
        before = self._error(job.newest)
        training.go_on_from(job.candidate)
        after = self._error(job.newest)
        objection = self._judge.on_newest(after, before) if self._judge else ""
        if objection or self._judged is None:
            return objection
        nominal_error, job.nominal_moment = self._on_nominal()
        return self._judge.on_nominal(nominal_error, self._shipped_error) if self._judge else ""

    def state(self) -> tuple[dict[str, NDArray[np.float32]], dict[str, int]]:
        """Optimiser, Fisher information and replay store, as tensors and numbers."""
        tensors, steps = self._training.optimiser_state()
        fisher = self._training.fisher
        tensors |= {f"fisher.{name}": value for name, value in fisher.items()}
        windows = self._reservoir.windows
        if windows is not None:
            known = ~np.isnan(windows.target)
            tensors |= {
                "replay.features": windows.features,
                "replay.dt_s": windows.dt_s,
                "replay.hidden_state": windows.hidden_state,
                "replay.target": np.where(known, windows.target, 0.0),
                "replay.known": known,
            }
        numbers = {
            "optimiser_steps": steps,
            "fisher": len(fisher),
            "windows": len(self._reservoir),
            "offered": self._reservoir.offered,
        }
        return tensors, numbers

    def state_shapes(self, numbers: object) -> dict[str, tuple[int, ...]]:
        """Shapes of a state's tensors; ValueError where the numbers do not fit."""
        names = ("optimiser_steps", "fisher", "windows", "offered")
        if not isinstance(numbers, dict) or set(numbers) != set(names):
            raise ValueError(f"training = {numbers!r}: must have {names}")
        if not all(type(numbers[name]) is int and numbers[name] >= 0 for name in names):
            raise ValueError(f"training = {numbers}: must be whole numbers of at least 0")
        settings, spec = self._settings.windows, self._spec
        count = numbers["windows"]
        if count > settings.replay_capacity:
            raise ValueError(f"windows = {count}: at most {settings.replay_capacity} are kept")
        learnable = spec.shapes()
        if numbers["fisher"] not in (0, len(learnable)):
            raise ValueError(
                f"fisher = {numbers['fisher']}: must be 0 or {len(learnable)} tensors"
            )
        shapes = self._training.optimiser_shapes(numbers["optimiser_steps"])
        if numbers["fisher"]:
            shapes |= {f"fisher.{name}": shape for name, shape in learnable.items()}
        if count:
            shapes |= {
                "replay.features": (count, settings.length, spec.features),
                "replay.dt_s": (count, settings.length),
                "replay.hidden_state": (count, spec.hidden),
                "replay.target": (count, settings.length, spec.outputs),
                "replay.known": (count, settings.length, spec.outputs),
            }
        return shapes

    def restore(self, tensors: dict[str, NDArray[np.float32]], numbers: dict[str, int]) -> None:
        """Go on from a state."""
        self._training.restore_optimiser(tensors, numbers["optimiser_steps"])
        if numbers["fisher"]:
            names = self._spec.shapes()
            self._training.restore_fisher({name: tensors[f"fisher.{name}"] for name in names})
        self._reservoir.offered = numbers["offered"]
        if numbers["windows"]:
            known = tensors["replay.known"] > 0.5
            self._reservoir.windows = Windows(
                features=tensors["replay.features"],
                dt_s=tensors["replay.dt_s"],
                hidden_state=tensors["replay.hidden_state"],
                target=np.where(known, tensors["replay.target"], np.float32(np.nan)),
            )

    def phi_of(self, ring: SampleRing) -> NDArray[np.float64]:
        """What the readout of the newest candidate reads over all samples kept: (N, P - 1)."""
        cuts = np.flatnonzero(np.diff(ring.segment)) + 1
        parts = []
        for rows in np.split(np.arange(len(ring)), cuts):
            part = slice(rows[0], rows[-1] + 1)
            window = Windows(
                features=ring.features[part][None],
                dt_s=ring.dt_s[part][None].astype(np.float32),
                hidden_state=ring.hidden_state[rows[0]][None],
                target=ring.target[part][None],
            )
            parts.append(self._training.phi(window))
        return np.concatenate(parts)

    # --- inside -------------------------------------------------------------------------------

    def _newest_labelled(self, ring: SampleRing) -> int:
        """End of the newest stretch of samples whose labels have all come."""
        settings = self._settings.windows
        reach = min(len(ring), 2 * (settings.length * settings.recent + settings.newest))
        if not reach:
            raise NotReady("no sample yet")
        known = ~np.isnan(ring.target[len(ring) - reach :])
        last = [np.flatnonzero(column)[-1] for column in known.T if column.any()]
        if not last:
            raise NotReady("no labelled sample yet")
        return len(ring) - reach + int(min(last)) + 1

    def _cut(self, ring: SampleRing, start: int, end: int, before: int) -> Windows | None:
        """Samples [start - before, end) as one window whose labels count from `start` on."""
        first = start - before
        if first < 0 or ring.segment[first] != ring.segment[end - 1]:
            return None
        rows = slice(first, end)
        target = np.where(ring.trust[rows] >= _TRUST_MIN, ring.target[rows], np.float32(np.nan))
        target[:before] = np.nan
        return Windows(
            features=ring.features[rows][None].copy(),
            dt_s=ring.dt_s[rows][None].astype(np.float32),
            hidden_state=ring.hidden_state[first][None].copy(),
            target=target[None],
        )

    def _offer(self, ring: SampleRing, end: int, window: Windows) -> None:
        """Let the reservoir have a window that does not overlap with the one before."""
        length = window.features.shape[1]
        if ring.stamp_ns[max(end - length, 0)] >= self._offered_ns:
            self._reservoir.offer(window)
            self._offered_ns = int(ring.stamp_ns[end - 1])

    def _batch(self, recent: list[Windows]) -> tuple[Windows, NDArray[np.float32]]:
        settings = self._settings.windows
        parts, weights = [*recent], [1.0 / len(recent)] * len(recent)
        if settings.replay and len(self._reservoir):
            drawn = self._reservoir.draw(settings.replay)
            parts.append(drawn)
            weights += [settings.replay_weight / len(drawn)] * len(drawn)
        if settings.nominal and self._replayed is not None:
            count = min(settings.nominal, len(self._replayed))
            chosen = self._rng.choice(len(self._replayed), count, replace=False)
            parts.append(self._replayed.select(chosen))
            weights += [settings.nominal_weight / count] * count
        return Windows.joined(parts), np.array(weights, np.float32)

    def _error(self, windows: Windows) -> float:
        return self._training.error(windows)

    def _on_nominal(self) -> tuple[float, NDArray[np.float64]]:
        """Error on the judge's part of the nominal set, and second moment of phi there."""
        error, phi = self._training.error_and_phi(self._judged)
        phi = np.concatenate([phi, np.ones((len(phi), 1))], axis=1)
        return error, phi.T @ phi / len(phi)


def _labelled(window: Windows) -> int:
    return int((~np.isnan(window.target)).any(axis=2).sum())
