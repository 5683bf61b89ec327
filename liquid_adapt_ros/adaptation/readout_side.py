"""The fast side of the engine: readouts that follow the labels, and which network flies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.adapted_network import AdaptedNetwork
from liquid_adapt_ros.adaptation.engine_results import Counts
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.expectations import Expectations
from liquid_adapt_ros.adaptation.guard import LiveGuard
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.sample_ring import SampleRing
from liquid_adapt_ros.adaptation.windows import Params
from liquid_adapt_ros.adaptation.world_bank import WorldPrior
from liquid_adapt_ros.lnn.network_spec import NetworkSpec

# A network that is neither the shipped one nor in use learns labels once in so many updates.
_SPARE_EVERY = 4

# For each network, second moment of phi where the shipped network is known to be good; None: not
# known.
Moments = Sequence[NDArray[np.float64] | None]


class ReadoutSide:
    """The networks with their readouts, the labels that wait for them, and the guard that chooses.

    Args:
        shipped: the weights that everything starts from.
        world: how the shipped readout differs between worlds; None: not known.
        counts: what becomes of the labels is counted there.
        else as of the engine.

    Attributes:
        ring: the newest samples.
        networks: the shipped network, and where training is on the one that is trained.
        flies: which of them is in use, from 1; 0: the shipped weights.
        expectations: labels that have not come yet, as they are likely to be.

    Raises:
        ValueError: directions of worlds that are not of this readout.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        shipped: Params,
        world: WorldPrior | None,
        settings: EngineSettings,
        output_weight: NDArray[np.float32],
        counts: Counts,
    ):
        self._shipped, self._output_weight, self._counts = shipped, output_weight, counts
        self._adapts = settings.readout is not None
        readout_settings = settings.readout or ReadoutSettings()
        readout = (spec.outputs, (spec.head or spec.hidden) + 1)
        if world is not None and world.directions.shape[1:] != readout:
            raise ValueError(
                f"directions of worlds are {world.directions.shape[1:]}, the readout is {readout}"
            )
        networks = 1 if settings.training is None else 2
        self.ring = SampleRing(
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
                shipped,
                readout_settings,
                self._adapts,
                settings.prior_isotropy,
                self.ring,
                place,
                None if place else world,  # it is in terms of the shipped network's features
            )
            for place in range(networks)
        ]
        self._live = LiveGuard(settings.guard, networks) if settings.guard else None
        self.flies = self._first = 1 if settings.guard else networks
        self.expectations = Expectations(spec.outputs, settings.expected_s)
        self._pending: list[tuple[NDArray[np.int64], NDArray[np.bool_]]] = []
        self._updates = 0

    def label(self, stamps_ns: NDArray[np.int64], targets: NDArray[np.float32]) -> int:
        """Take labels (N, O) of samples (N,); returns of how many there was anything to learn."""
        labelled_ns, fresh, unused = self.ring.label(stamps_ns, targets)
        self._counts.labels_unused += unused
        if len(labelled_ns):
            self._pending.append((labelled_ns, fresh))
            self._counts.labels += len(labelled_ns)
        return len(labelled_ns)

    def forget_stream(self) -> None:
        """Start a new stream; what was learned stays."""
        for network in self.networks:
            network.reset()
        self.ring.clear()
        self._pending.clear()
        self.expectations.clear()

    @property
    def gain(self) -> float:
        """Fall of the live error against the frozen network's [1]; NaN while unknown."""
        return self._live.gain if self._live else math.nan

    @property
    def have_work(self) -> bool:
        """Whether there is anything to do for `update`."""
        return self._have_news or any(network.is_passing for network in self.networks)

    def update(self, moments: Moments) -> str:
        """Learn the labels that have come.

        Returns what has changed of what flies: "readout", "choice" (another one flies),
        "rollback" (all that was learned was of no use, and is forgotten) or "".
        """
        if not self._have_news:
            for network in self.networks:
                network.pass_time(self.expectations)
            return "readout" if self.flies else ""
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
            self.roll_back()
            return "rollback"
        self.solve(moments, following)
        if self._live is not None and self._live.flies != self.flies:
            self.flies = self._live.flies
            self._counts.fallen_back += not self.flies
            return "choice"
        return "readout" if self.flies and self._adapts else ""

    def solve(self, moments: Moments, networks: Sequence[AdaptedNetwork] | None = None) -> None:
        """Bring the readouts up to what is known; of these networks, None: of all."""
        for network, moment in zip(self.networks, moments, strict=True):
            if networks is None or network in networks:
                network.solve(moment, self.expectations)

    def roll_back(self) -> None:
        """Go back to the shipped weights; what labels are like is still known."""
        self._counts.rolled_back += 1
        for network in self.networks:
            network.roll_back(self._shipped)
        self.flies = self._first
        if self._live is not None:
            self._live.reset()

    def restart(self) -> None:
        """Go back to the shipped weights, and forget all that was ever seen of labels."""
        self.roll_back()
        for network in self.networks:
            network.readout.restart(network.anchor)

    def fly(self, flies: int) -> None:
        """Let this one be in use."""
        self.flies = flies
        if self._live is not None:
            self._live.flies = flies

    @property
    def _have_news(self) -> bool:
        return bool(self._pending) or self.expectations.are_new

    def _following(self) -> list[AdaptedNetwork]:
        """The networks that learn labels now."""
        if self._updates % _SPARE_EVERY == 0:
            return self.networks
        places = {0, max(self.flies - 1, 0)}
        return [network for place, network in enumerate(self.networks) if place in places]

    def _compare(self, stamps_ns: NDArray[np.int64], fresh: NDArray[np.bool_]) -> None:
        """Let the live guard see labels that have come, of samples (N,) and outputs (N, O)."""
        ring = self.ring
        rows, fresh = ring.find_labelled(stamps_ns, fresh)
        if not len(rows):
            return
        target = np.where(fresh, ring.target[rows], np.nan).astype(np.float64)
        shipped, learned = ring.flown[rows, 1:], ring.predicted[rows, :, 0]
        compared = np.concatenate([shipped, learned], axis=1).astype(np.float64)
        duration_s = self.networks[0].labelled_s(rows, fresh)
        if self.flies != 1:
            in_use = self.networks[self.flies - 1].now(rows)[:, :1] if self.flies else shipped
            now = np.concatenate([in_use, self.networks[0].now(rows)[:, :1]], axis=1)
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
            self.ring.trust[:] *= kept
        self.ring.trust[rows] = np.where(fresh, trust, self.ring.trust[rows])
