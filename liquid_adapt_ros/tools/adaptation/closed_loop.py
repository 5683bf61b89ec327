"""What it comes to: objects picked while the policy drives, with and without learning."""

from __future__ import annotations

from pathlib import Path

from liquid_adapt_ros.adaptation.learner import LearnerSettings, OnlineLearner
from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.sim.samples import Command, Counters, TickResult
from liquid_adapt_ros.tools.adaptation.disturbances import CHANGE_S, RETURN_S, Disturbance
from liquid_adapt_ros.tools.adaptation.run_stream import TRAINING_PERIOD_S, train
from liquid_adapt_ros.tools.adaptation.streams import disturbed_episode
from liquid_adapt_ros.tools.in_process_fusion import TICK_S, InProcessFusion

TRAINING_PERIOD_TICKS = round(TRAINING_PERIOD_S / TICK_S)


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
    fusion = InProcessFusion(model, OnnxEncoder(encoder_path))
    learner = OnlineLearner(
        model.spec, model.params, model.norm, nominal, settings or LearnerSettings(), seed
    )
    slices, norm = model.spec.layout.slices(), model.norm
    counts = {"before": _nothing(), "disturbed": _nothing()}
    command, last = None, Counters()
    for index in range(round(RETURN_S / TICK_S)):
        tick = episode.tick(command)
        features, usable = fusion.tick(tick)
        stamp_ns = round(tick.time_s * NANOSECONDS)
        said = learner.observe_state(stamp_ns, features, usable).outputs
        if settings is not None:
            _learn(learner, tick, stamp_ns, index)
        outputs = said.frozen if settings is None else said.adapted
        values = norm["norm.output_mean"] + norm["norm.output_scale"] * outputs
        command = Command(
            values[slices["joint_velocity"]], values[slices["base"]], values[slices["gripper"]][0]
        )
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


def _learn(learner: OnlineLearner, tick: TickResult, stamp_ns: int, index: int) -> None:
    planned = tick.planner
    learner.observe_joint_command(stamp_ns, planned.joint_velocity, planned.gripper)
    learner.observe_base_command(stamp_ns, *planned.base_twist)
    if tick.detection is not None:
        detected_ns = round(tick.detection.stamp_s * NANOSECONDS)
        learner.observe_object(detected_ns, tick.detection.position)
    learner.engine.update()
    if index % TRAINING_PERIOD_TICKS == TRAINING_PERIOD_TICKS - 1:
        train(learner.engine)
