"""The stages of a run in their order, each with what decides its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.runtime.policy_model import load_policy
from liquid_adapt_ros.sim.ur5e import JOINT_NAMES
from liquid_adapt_ros.tools.pretrain.driven import (
    driven_episode_folders,
    driven_world_folders,
    record_driven,
)
from liquid_adapt_ros.tools.pretrain.evaluate import evaluate
from liquid_adapt_ros.tools.pretrain.export import export_encoder
from liquid_adapt_ros.tools.pretrain.model_card import model_card
from liquid_adapt_ros.tools.pretrain.nominal_set import nominal_set
from liquid_adapt_ros.tools.pretrain.processes import in_processes
from liquid_adapt_ros.tools.pretrain.record import (
    Recording,
    episode_folders,
    record_all,
    start_folders,
    world_folders,
)
from liquid_adapt_ros.tools.pretrain.sequences import (
    PolicySequence,
    embed,
    normalisation,
    policy_sequence,
)
from liquid_adapt_ros.tools.pretrain.settings import Machine, PolicySettings, PretrainSettings
from liquid_adapt_ros.tools.pretrain.stage import Stage, source_hash
from liquid_adapt_ros.tools.pretrain.train_encoder import train_encoder
from liquid_adapt_ros.tools.pretrain.train_policy import Episodes, normalised, train_policy
from liquid_adapt_ros.tools.pretrain.world_prior import world_prior
from liquid_adapt_ros.tools.pretrain.world_training import without_new_targets
from liquid_adapt_ros.weights.atomic_file import write_atomically
from liquid_adapt_ros.weights.fingerprint import file_sha256
from liquid_adapt_ros.weights.model_file import ModelFile

ENCODER_NAME, POLICY_NAME, NOMINAL_NAME, CARD_NAME = (
    "conveyor_encoder.onnx",
    "conveyor_policy.safetensors",
    "conveyor_policy_nominal.safetensors",
    "README.md",
)
Update = Callable[[int, int, str], None]  # done, in all, a line of text
Progress = Callable[[str], AbstractContextManager[Update]]  # opens a bar with this title


@dataclass(frozen=True)
class Pipeline:
    """One run.

    Attributes:
        work: folder of the stages' artefacts.
        models: folder that gets the finished files.
        settings, machine: see there.
        progress: shows progress.
        kept_encoder: an encoder to train core and head for; None: one is trained.
    """

    work: Path
    models: Path
    settings: PretrainSettings
    machine: Machine
    progress: Progress
    kept_encoder: Path | None = None

    def run(self) -> dict[str, dict[str, Any]]:
        """All stages; writes models/ and returns each stage's result by name."""
        torch.set_num_threads(self.machine.threads)
        results = {
            "recordings": self._recordings.run(self._record),
            "encoder": self._encoder.run(
                self._keep_encoder if self.kept_encoder else self._train_encoder
            ),
            "embeddings": self._embeddings.run(self._embed),
            "first policy": self._first_policy.run(self._train_first_policy),
            "driven": self._driven.run(self._record_driven),
            "driven embeddings": self._driven_embeddings.run(self._embed_driven),
            "policy": self._policy.run(self._train_policy),
            "refined policy": self._refined.run(self._refine_policy),
            "nominal set": self._nominal.run(self._draw_nominal),
            "evaluation": self._evaluation.run(self._evaluate),
        }
        self._publish(results)
        return results

    # --- what decides each stage --------------------------------------------------------------

    @property
    def _spec(self) -> PolicySpec:
        return PolicySpec(joint_names=JOINT_NAMES)

    @cached_property
    def _recordings(self) -> Stage:
        sources = source_hash("sim", "fusion", "tools/pretrain/record.py")
        return self._stage("recordings", sources, data=dataclasses.asdict(self.settings.data))

    @cached_property
    def _encoder(self) -> Stage:
        if self.kept_encoder:
            return self._stage("encoder", "", kept=file_sha256(self.kept_encoder))
        names = ("encoder", "train_encoder", "pictures", "export")
        sources = source_hash(*(f"tools/pretrain/{name}.py" for name in names))
        return self._stage(
            "encoder",
            sources,
            recordings=self._recordings.key,
            encoder=dataclasses.asdict(self.settings.encoder),
        )

    @cached_property
    def _embeddings(self) -> Stage:
        return self._stage(
            "embeddings",
            source_hash("fusion"),
            recordings=self._recordings.key,
            encoder=self._encoder.key,
        )

    @cached_property
    def _first_policy(self) -> Stage:
        return self._policy_stage("first_policy", embeddings=self._embeddings.key)

    @cached_property
    def _driven(self) -> Stage:
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
        return self._stage("driven", sources, policy=self._first_policy.key, driven=driven)

    @cached_property
    def _driven_embeddings(self) -> Stage:
        return self._stage("driven_embeddings", "", recordings=self._driven.key)

    @cached_property
    def _policy(self) -> Stage:
        return self._policy_stage("policy", driven=self._driven_embeddings.key)

    @cached_property
    def _refined(self) -> Stage:
        refine = dataclasses.asdict(self.settings.refine)
        return self._policy_stage("refined", start=self._policy.key, refine=refine)

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
            spec=self._spec.to_dict(),
            **inputs,
        )

    @cached_property
    def _nominal(self) -> Stage:
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
            "nominal", sources, policy=self._refined.key, nominal=nominal, worlds=worlds
        )

    @cached_property
    def _evaluation(self) -> Stage:
        sources = source_hash("sim", "fusion", "runtime", "tools/pretrain/evaluate.py")
        evaluation = dataclasses.asdict(self.settings.evaluation)
        return self._stage("evaluation", sources, policy=self._refined.key, evaluation=evaluation)

    def _stage(self, name: str, sources: str, **inputs: Any) -> Stage:
        inputs = {"seed": self.settings.seed, "sources": sources, **inputs}
        return Stage(self.work / name, inputs)

    # --- the work -----------------------------------------------------------------------------

    def _record(self) -> dict[str, Any]:
        data = self.settings.data
        with self.progress("episodes") as update:
            return record_all(
                self._recordings.folder,
                data,
                self.settings.seed,
                self.machine.workers,
                lambda done: update(done, data.episodes + data.starts + data.worlds, ""),
            )

    def _train_encoder(self) -> dict[str, Any]:
        with self.progress("encoder") as update:
            encoder, figures = train_encoder(
                self._encoder.folder,
                [*self._starts, *self._episodes],
                self.settings.encoder,
                self.settings.seed,
                self.machine.checkpoint_s,
                update,
            )
        return {**figures, "onnx_difference": export_encoder(encoder, self._encoder_path)}

    def _keep_encoder(self) -> dict[str, Any]:
        write_atomically(self._encoder_path, self.kept_encoder.read_bytes())
        return {}

    def _embed(self) -> dict[str, Any]:
        folders = [*self._episodes, *self._starts, *self._worlds]
        return self._embed_into(self._embeddings, folders, "embeddings")

    def _embed_driven(self) -> dict[str, Any]:
        folders = [*self._driven_episodes, *self._driven_worlds]
        return self._embed_into(self._driven_embeddings, folders, "driven embeddings")

    def _embed_into(self, stage: Stage, folders: list[Path], title: str) -> dict[str, Any]:
        paths = [stage.folder / f"{folder.name}.npy" for folder in folders]
        jobs = [
            partial(_embed_to_disk, self._encoder_path, folder, path)
            for folder, path in zip(folders, paths, strict=True)
            if not path.exists()
        ]
        done = len(folders) - len(jobs)
        with self.progress(title) as update:
            for number, _ in enumerate(in_processes(jobs, self.machine.workers), start=done + 1):
                update(number, len(folders), "")
        return {}

    def _train_first_policy(self) -> dict[str, Any]:
        folders = (self._episodes, self._starts, self._worlds)
        episodes = Episodes(*map(self._sequences, folders))
        return self._train_into(
            self._first_policy, episodes, "first core and head", self.settings.policy
        )

    def _record_driven(self) -> dict[str, Any]:
        model_path = self._first_policy.folder / POLICY_NAME
        nominal_path = self._driven.folder / NOMINAL_NAME
        self._drawn(model_path).save(nominal_path)
        with self.progress("first policy drives") as update:
            return record_driven(
                self._driven.folder,
                self.settings.driven,
                model_path,
                nominal_path,
                self._encoder_path,
                self.settings.seed,
                self.machine.workers,
                update,
            )

    def _train_policy(self) -> dict[str, Any]:
        return self._train_into(
            self._policy, self._all_episodes(), "core and head", self.settings.policy
        )

    def _refine_policy(self) -> dict[str, Any]:
        start = load_policy(self._policy.folder / POLICY_NAME).params
        settings = dataclasses.replace(
            self.settings.policy, **dataclasses.asdict(self.settings.refine)
        )
        return self._train_into(
            self._refined, self._all_episodes(), "core and head refined", settings, start
        )

    def _all_episodes(self) -> Episodes:
        ordinary = [*self._episodes, *self._driven_episodes]
        worlds = [*self._worlds, *self._driven_worlds]
        return Episodes(*map(self._sequences, (ordinary, self._starts, worlds)))

    def _train_into(
        self,
        stage: Stage,
        episodes: Episodes,
        title: str,
        settings: PolicySettings,
        start: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> dict[str, Any]:
        norm = normalisation(episodes.ordinary, self._spec)
        with self.progress(title) as update:
            policy = train_policy(
                stage.folder,
                episodes,
                norm,
                self._spec,
                settings,
                self.settings.seed,
                self.machine.checkpoint_s,
                update,
                start,
            )
        model = ModelFile(
            spec=self._spec.to_dict(),
            params=policy.to_numpy(),
            norm=norm,
            encoder_sha256=file_sha256(self._encoder_path),
            metadata={"seed": self.settings.seed, "recordings": self._recordings.key},
        )
        model.save(stage.folder / POLICY_NAME)
        return {"fingerprint": model.fingerprint}

    def _draw_nominal(self) -> dict[str, Any]:
        drawn = self._drawn(self._policy_path)
        model = load_policy(self._policy_path)
        episodes = self._all_episodes().normalised(model.norm)
        step_s = model.spec.step_s
        prior = world_prior(
            model,
            episodes.ordinary,
            [without_new_targets(item, step_s) for item in episodes.worlds],
            self.settings.world_prior,
        )
        dataclasses.replace(drawn, world=prior).save(self._nominal_path)
        return {"windows": len(drawn.windows), "directions": len(prior.directions)}

    def _drawn(self, model_path: Path) -> NominalSet:
        model = load_policy(model_path)
        sequences = [normalised(item, model.norm) for item in self._sequences(self._episodes)]
        return nominal_set(model, sequences, self.settings.nominal, self.settings.seed)

    def _sequences(self, folders: list[Path]) -> list[PolicySequence]:
        embeddings = {
            self._recordings.folder: self._embeddings.folder,
            self._driven.folder: self._driven_embeddings.folder,
        }
        return [
            policy_sequence(
                Recording.load(folder),
                np.load(embeddings[folder.parent] / f"{folder.name}.npy"),
                self._spec,
            )
            for folder in folders
        ]

    def _evaluate(self) -> dict[str, Any]:
        settings = self.settings.evaluation
        figures = {}
        for driver in ("planner", "policy"):
            with self.progress(f"held-out, {driver} drives") as update:
                figures[driver] = evaluate(
                    self._policy_path,
                    self._encoder_path,
                    settings,
                    self.settings.seed,
                    driver == "policy",
                    self.machine.workers,
                    lambda done, update=update: update(done, settings.episodes, ""),
                )
        return figures

    def _publish(self, results: dict[str, dict[str, Any]]) -> None:
        """Copy the finished files into models/, the model last: it names the encoder's hash."""
        self.models.mkdir(parents=True, exist_ok=True)
        card = model_card(self.settings, results)
        write_atomically(self.models / CARD_NAME, card.encode())
        for source in (self._encoder_path, self._nominal_path, self._policy_path):
            write_atomically(self.models / source.name, source.read_bytes())

    # --- places -------------------------------------------------------------------------------

    @property
    def _episodes(self) -> list[Path]:
        return episode_folders(self._recordings.folder, self.settings.data)

    @property
    def _starts(self) -> list[Path]:
        return start_folders(self._recordings.folder, self.settings.data)

    @property
    def _worlds(self) -> list[Path]:
        return world_folders(self._recordings.folder, self.settings.data)

    @property
    def _driven_episodes(self) -> list[Path]:
        return driven_episode_folders(self._driven.folder, self.settings.driven)

    @property
    def _driven_worlds(self) -> list[Path]:
        return driven_world_folders(self._driven.folder, self.settings.driven)

    @property
    def _encoder_path(self) -> Path:
        return self._encoder.folder / ENCODER_NAME

    @property
    def _policy_path(self) -> Path:
        return self._refined.folder / POLICY_NAME

    @property
    def _nominal_path(self) -> Path:
        return self._nominal.folder / NOMINAL_NAME


def _embed_to_disk(encoder: Path, recording: Path, path: Path) -> None:
    unfinished = path.with_suffix(".partial.npy")
    np.save(unfinished, embed(Recording.load(recording), OnnxEncoder(encoder)))
    unfinished.replace(path)
