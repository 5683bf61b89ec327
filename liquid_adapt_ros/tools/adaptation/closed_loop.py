"""What it comes to: objects picked while the policy drives, with and without learning."""

from __future__ import annotations

from pathlib import Path

from liquid_adapt_ros.adaptation.learner import LearnerSettings
from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.sim.samples import Counters
from liquid_adapt_ros.tools.adaptation.disturbances import CHANGE_S, RETURN_S, Disturbance
from liquid_adapt_ros.tools.adaptation.streams import disturbed_episode
from liquid_adapt_ros.tools.in_process_fusion import TICK_S
from liquid_adapt_ros.tools.in_process_policy import InProcessPolicy


def drive(
    disturbance: Disturbance,
    seed: int,
    model: PolicyModel,
    encoder_path: Path,
    nominal: NominalSet | None,
    settings: LearnerSettings | None,
) -> dict[str, dict[str, int]]:
    """One episode in which the policy drives under the supervisor, and learns with settings.

    Returns objects, policy_picks and planner_picks while undisturbed before ("before") and while
    disturbed ("disturbed"), and policy_ticks of ticks there. None for settings: the frozen policy.
    """
    episode = disturbed_episode(disturbance, seed)
    policy = InProcessPolicy(model, encoder_path, nominal, settings, seed)
    counts = {"before": _nothing(), "disturbed": _nothing()}
    command, last = None, Counters()
    for index in range(round(RETURN_S / TICK_S)):
        tick = episode.tick(command)
        command = policy.command(tick)
        count = counts["before" if index * TICK_S < CHANGE_S else "disturbed"]
        now = episode.counters
        count["objects"] += now.objects - last.objects
        for driver in now.picks:
            count[f"{driver}_picks"] += now.picks[driver] - last.picks[driver]
        count["ticks"] += 1
        count["policy_ticks"] += tick.truth.driver == "policy"
        last = Counters(dict(now.picks), now.misses)
    return counts


def _nothing() -> dict[str, int]:
    names = ("objects", "policy_picks", "planner_picks", "ticks", "policy_ticks")
    return dict.fromkeys(names, 0)
