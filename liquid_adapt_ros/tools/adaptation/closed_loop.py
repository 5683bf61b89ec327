"""What it comes to: objects picked while the policy drives, with and without learning."""

from __future__ import annotations

from pathlib import Path

from liquid_adapt_ros.adaptation.learner import LearnerSettings
from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.sim.samples import Counters
from liquid_adapt_ros.tools.adaptation.disturbances import CHANGE_S, Disturbance
from liquid_adapt_ros.tools.adaptation.streams import disturbed_episode
from liquid_adapt_ros.tools.in_process_fusion import TICK_S
from liquid_adapt_ros.tools.in_process_policy import InProcessPolicy


class Drive:
    """An episode in which the policy drives under the supervisor, and learns with settings.

    Attributes:
        counts: objects, policy_picks and planner_picks while undisturbed before ("before") and
            while disturbed ("disturbed"), and policy_ticks of ticks there.

    settings: None for the frozen policy.
    """

    def __init__(
        self,
        disturbance: Disturbance,
        seed: int,
        model: PolicyModel,
        encoder_path: Path,
        nominal: NominalSet | None,
        settings: LearnerSettings | None,
    ):
        self.counts = {"before": _nothing(), "disturbed": _nothing()}
        self._episode = disturbed_episode(disturbance, seed)
        self._policy = InProcessPolicy(model, encoder_path, nominal, settings, seed)
        self._command, self._last = None, Counters()

    def meet(self, disturbance: Disturbance) -> None:
        """Let another disturbance come, of the same belt, before the first has."""
        self._episode.follow(disturbance.scenario())

    def advance(self, until_s: float) -> None:
        """Go on up to a time of the episode [s]."""
        while (now_s := self._episode.world.time_s) < until_s - 0.5 * TICK_S:
            tick = self._episode.tick(self._command)
            self._command = self._policy.command(tick)
            count = self.counts["before" if now_s < CHANGE_S - 0.5 * TICK_S else "disturbed"]
            last, now = self._last, self._episode.counters
            count["objects"] += now.objects - last.objects
            for driver in now.picks:
                count[f"{driver}_picks"] += now.picks[driver] - last.picks[driver]
            count["ticks"] += 1
            count["policy_ticks"] += tick.truth.driver == "policy"
            self._last = Counters(dict(now.picks), now.misses)


def _nothing() -> dict[str, int]:
    names = ("objects", "policy_picks", "planner_picks", "ticks", "policy_ticks")
    return dict.fromkeys(names, 0)
