"""What inference and trainer do, for an episode of the simulator in the same process."""

from __future__ import annotations

from pathlib import Path

from liquid_adapt_ros.adaptation.learner import LearnerSettings, OnlineLearner
from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.policy_model import PolicyModel
from liquid_adapt_ros.sim.samples import Command, TickResult
from liquid_adapt_ros.tools.adaptation.run_stream import TRAINING_PERIOD_S, train
from liquid_adapt_ros.tools.in_process_fusion import TICK_S, InProcessFusion, PictureEncoder

_TRAINING_PERIOD_TICKS = round(TRAINING_PERIOD_S / TICK_S)


class InProcessPolicy:
    """A tick of the simulator in, the command for the next one out; learns from planner and
    detector on the way.

    Arguments:
        model, encoder_path: what flies.
        nominal: what is not to be forgotten, if there is a file of it.
        settings: how to learn; None: the frozen policy.
        seed: of what learning draws.

    Raises ValueError where the encoder is not the one of the model.
    """

    def __init__(
        self,
        model: PolicyModel,
        encoder_path: Path,
        nominal: NominalSet | None,
        settings: LearnerSettings | None,
        seed: int,
    ) -> None:
        self._fusion = InProcessFusion(model, PictureEncoder(OnnxEncoder(encoder_path)))
        self._learner = OnlineLearner(
            model.spec, model.params, model.norm, nominal, settings or LearnerSettings(), seed
        )
        self._learns = settings is not None
        self._slices, self._norm = model.spec.layout.slices(), model.norm
        self._ticks = 0

    def command(self, tick: TickResult) -> Command:
        """What the policy asks for, having seen this tick."""
        fused = self._fusion.tick(tick)
        stamp_ns = round(tick.time_s * NANOSECONDS)
        said = self._learner.observe_state(stamp_ns, *fused).outputs
        self._ticks += 1
        if self._learns:
            self._learn(tick, stamp_ns)
        outputs = said.adapted if self._learns else said.frozen
        values = self._norm["norm.output_mean"] + self._norm["norm.output_scale"] * outputs
        part = self._slices
        return Command(
            values[part["joint_velocity"]], values[part["base"]], values[part["gripper"]][0]
        )

    def _learn(self, tick: TickResult, stamp_ns: int) -> None:
        learner, planned = self._learner, tick.planner
        learner.observe_joint_command(stamp_ns, planned.joint_velocity, planned.gripper)
        learner.observe_base_command(stamp_ns, *planned.base_twist)
        if tick.detection is not None:
            detected_ns = round(tick.detection.stamp_s * NANOSECONDS)
            learner.observe_object(detected_ns, tick.detection.position)
        learner.update()
        if self._ticks % _TRAINING_PERIOD_TICKS == 0:
            train(learner.engine)
