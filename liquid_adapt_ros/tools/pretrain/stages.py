"""Where each stage of a run works, and what decides its result."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.sim.ur5e import JOINT_NAMES
from liquid_adapt_ros.tools.pretrain.driven import driven_episode_folders, driven_world_folders
from liquid_adapt_ros.tools.pretrain.record import episode_folders, start_folders, world_folders
from liquid_adapt_ros.tools.pretrain.settings import PretrainSettings
from liquid_adapt_ros.tools.pretrain.stage import Stage, source_hash
from liquid_adapt_ros.weights.fingerprint import file_sha256

ENCODER_NAME, POLICY_NAME, NOMINAL_NAME, CARD_NAME = (
    "conveyor_encoder.onnx",
    "conveyor_policy.safetensors",
    "conveyor_policy_nominal.safetensors",
    "README.md",
)


@dataclass(frozen=True)
class Stages:
    """The stages of one run.

    Attributes:
        work: folder of the stages' artefacts.
        settings: see there.
        kept_encoder: an encoder to train core and head for; None: one is trained.
    """

    work: Path
    settings: PretrainSettings
    kept_encoder: Path | None = None

    @property
    def spec(self) -> PolicySpec:
        """Sizes of the policy."""
        return PolicySpec(joint_names=JOINT_NAMES)

    @cached_property
    def recordings(self) -> Stage:
        """Episodes that the planner drives."""
        sources = source_hash("sim", "fusion", "tools/pretrain/record.py")
        return self._stage("recordings", sources, data=dataclasses.asdict(self.settings.data))

    @cached_property
    def encoder(self) -> Stage:
        """The encoder: trained, or kept."""
        if self.kept_encoder:
            return self._stage("encoder", "", kept=file_sha256(self.kept_encoder))
        names = ("encoder", "train_encoder", "pictures", "position_readout", "export")
        sources = source_hash(*(f"tools/pretrain/{name}.py" for name in names))
        return self._stage(
            "encoder",
            sources,
            recordings=self.recordings.key,
            encoder=dataclasses.asdict(self.settings.encoder),
        )

    @cached_property
    def embeddings(self) -> Stage:
        """What the encoder makes of the recordings."""
        return self._stage(
            "embeddings",
            source_hash("fusion"),
            recordings=self.recordings.key,
            encoder=self.encoder.key,
        )

    @cached_property
    def first_policy(self) -> Stage:
        """A policy trained on the recordings alone."""
        return self._policy_stage("first_policy", embeddings=self.embeddings.key)

    @cached_property
    def driven(self) -> Stage:
        """Episodes that the first policy drives."""
        sources = source_hash(
            "adaptation",
            "lnn",
            "tools/adaptation/run_stream.py",
            "tools/in_process_fusion.py",
            "tools/in_process_policy.py",
            "tools/pretrain/driven.py",
            "tools/pretrain/nominal_set.py",
        )
        driven = dataclasses.asdict(self.settings.driven)
        return self._stage("driven", sources, policy=self.first_policy.key, driven=driven)

    @cached_property
    def driven_embeddings(self) -> Stage:
        """What the encoder makes of the driven episodes."""
        return self._stage("driven_embeddings", "", recordings=self.driven.key)

    @cached_property
    def positions(self) -> Stage:
        """The first one, trained further on recordings and driven episodes, for positions."""
        refine = dataclasses.asdict(self.settings.refine_positions)
        return self._policy_stage(
            "positions",
            start=self.first_policy.key,
            driven=self.driven_embeddings.key,
            refine=refine,
        )

    @cached_property
    def policy(self) -> Stage:
        """That one, trained further to stay at the wheel too."""
        refine = dataclasses.asdict(self.settings.refine)
        return self._policy_stage("policy", start=self.positions.key, refine=refine)

    def _policy_stage(self, name: str, **inputs: Any) -> Stage:
        sources = source_hash(
            "lnn",
            "tools/pretrain/train_policy.py",
            "tools/pretrain/world_training.py",
            "tools/pretrain/sequences.py",
        )
        return self._stage(
            name,
            sources,
            policy=dataclasses.asdict(self.settings.policy),
            spec=self.spec.to_dict(),
            **inputs,
        )

    @cached_property
    def nominal(self) -> Stage:
        """What is shipped against forgetting, and of worlds."""
        names = (
            "tools/pretrain/nominal_set.py",
            "tools/pretrain/world_prior.py",
            "adaptation/window_training.py",
            "adaptation/ridge_bank.py",
        )
        settings = (self.settings.nominal, self.settings.world_prior)
        nominal, worlds = map(dataclasses.asdict, settings)
        sources = source_hash("lnn", *names)
        return self._stage(
            "nominal", sources, policy=self.policy.key, nominal=nominal, worlds=worlds
        )

    @cached_property
    def evaluation(self) -> Stage:
        """How well it does."""
        sources = source_hash("sim", "fusion", "runtime", "tools/pretrain/evaluate.py")
        evaluation = dataclasses.asdict(self.settings.evaluation)
        return self._stage("evaluation", sources, policy=self.policy.key, evaluation=evaluation)

    def _stage(self, name: str, sources: str, **inputs: Any) -> Stage:
        inputs = {"seed": self.settings.seed, "sources": sources, **inputs}
        return Stage(self.work / name, inputs)

    # --- places -------------------------------------------------------------------------------

    @property
    def episodes(self) -> list[Path]:
        """Ordinary episodes."""
        return episode_folders(self.recordings.folder, self.settings.data)

    @property
    def starts(self) -> list[Path]:
        """Short episodes with a scattered start."""
        return start_folders(self.recordings.folder, self.settings.data)

    @property
    def worlds(self) -> list[Path]:
        """Disturbed episodes."""
        return world_folders(self.recordings.folder, self.settings.data)

    @property
    def driven_episodes(self) -> list[Path]:
        """Ordinary ones that the first policy drove."""
        return driven_episode_folders(self.driven.folder, self.settings.driven)

    @property
    def driven_worlds(self) -> list[Path]:
        """Disturbed ones that the first policy drove."""
        return driven_world_folders(self.driven.folder, self.settings.driven)

    @property
    def encoder_path(self) -> Path:
        """The encoder."""
        return self.encoder.folder / ENCODER_NAME

    @property
    def policy_path(self) -> Path:
        """The finished policy."""
        return self.policy.folder / POLICY_NAME

    @property
    def nominal_path(self) -> Path:
        """Its nominal set."""
        return self.nominal.folder / NOMINAL_NAME
