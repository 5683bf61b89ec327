"""The stages of a run in their order, and their work."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from liquid_adapt_ros.adaptation.windows import NominalSet
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.policy_model import PolicyModel, load_policy
from liquid_adapt_ros.tools.pretrain.driven import (
    record_driven,
)
from liquid_adapt_ros.tools.pretrain.evaluate import evaluate
from liquid_adapt_ros.tools.pretrain.export import export_encoder
from liquid_adapt_ros.tools.pretrain.model_card import model_card
from liquid_adapt_ros.tools.pretrain.nominal_set import nominal_set
from liquid_adapt_ros.tools.pretrain.processes import in_processes
from liquid_adapt_ros.tools.pretrain.record import (
    Recording,
    record_all,
)
from liquid_adapt_ros.tools.pretrain.sequences import (
    PolicySequence,
    embed,
    normalisation,
    policy_sequence,
)
from liquid_adapt_ros.tools.pretrain.settings import (
    Machine,
    PolicySettings,
    PretrainSettings,
    RefineSettings,
)
from liquid_adapt_ros.tools.pretrain.stage import Stage
from liquid_adapt_ros.tools.pretrain.stages import (
    CARD_NAME,
    NOMINAL_NAME,
    POLICY_NAME,
    Stages,
)
from liquid_adapt_ros.tools.pretrain.train_encoder import train_encoder
from liquid_adapt_ros.tools.pretrain.train_policy import Episodes, normalised, train_policy
from liquid_adapt_ros.tools.pretrain.world_prior import world_prior
from liquid_adapt_ros.tools.pretrain.world_training import without_new_targets
from liquid_adapt_ros.tools.progress import Progress
from liquid_adapt_ros.weights.atomic_file import write_atomically
from liquid_adapt_ros.weights.fingerprint import file_sha256
from liquid_adapt_ros.weights.model_file import ModelFile


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

    @cached_property
    def _stages(self) -> Stages:
        return Stages(self.work, self.settings, self.kept_encoder)

    def run(self) -> dict[str, dict[str, Any]]:
        """All stages; writes models/ and returns each stage's result by name."""
        torch.set_num_threads(self.machine.threads)
        results = {
            "recordings": self._stages.recordings.run(self._record),
            "encoder": self._stages.encoder.run(
                self._keep_encoder if self.kept_encoder else self._train_encoder
            ),
            "embeddings": self._stages.embeddings.run(self._embed),
            "first policy": self._stages.first_policy.run(self._train_first_policy),
            "driven": self._stages.driven.run(self._record_driven),
            "driven embeddings": self._stages.driven_embeddings.run(self._embed_driven),
            "positions": self._stages.positions.run(self._refine_positions),
            "policy": self._stages.policy.run(self._refine_policy),
            "nominal set": self._stages.nominal.run(self._draw_nominal),
            "evaluation": self._stages.evaluation.run(self._evaluate),
        }
        self._publish(results)
        return results

    # --- the work -----------------------------------------------------------------------------

    def _record(self) -> dict[str, Any]:
        data = self.settings.data
        with self.progress("episodes") as update:
            return record_all(
                self._stages.recordings.folder,
                data,
                self.settings.seed,
                self.machine.workers,
                lambda done: update(done, data.episodes + data.starts + data.worlds, ""),
            )

    def _train_encoder(self) -> dict[str, Any]:
        with self.progress("encoder") as update:
            encoder, figures = train_encoder(
                self._stages.encoder.folder,
                [*self._stages.worlds, *self._stages.starts, *self._stages.episodes],
                self.settings.encoder,
                self.settings.seed,
                self.machine.checkpoint_s,
                update,
            )
        return {**figures, "onnx_difference": export_encoder(encoder, self._stages.encoder_path)}

    def _keep_encoder(self) -> dict[str, Any]:
        write_atomically(self._stages.encoder_path, self.kept_encoder.read_bytes())
        return {}

    def _embed(self) -> dict[str, Any]:
        folders = [*self._stages.episodes, *self._stages.starts, *self._stages.worlds]
        return self._embed_into(self._stages.embeddings, folders, "embeddings")

    def _embed_driven(self) -> dict[str, Any]:
        folders = [*self._stages.driven_episodes, *self._stages.driven_worlds]
        return self._embed_into(self._stages.driven_embeddings, folders, "driven embeddings")

    def _embed_into(self, stage: Stage, folders: list[Path], title: str) -> dict[str, Any]:
        paths = [stage.folder / f"{folder.name}.npy" for folder in folders]
        jobs = [
            partial(_embed_to_disk, self._stages.encoder_path, folder, path)
            for folder, path in zip(folders, paths, strict=True)
            if not path.exists()
        ]
        done = len(folders) - len(jobs)
        with self.progress(title) as update:
            for number, _ in enumerate(in_processes(jobs, self.machine.workers), start=done + 1):
                update(number, len(folders), "")
        return {}

    def _train_first_policy(self) -> dict[str, Any]:
        folders = (self._stages.episodes, self._stages.starts, self._stages.worlds)
        episodes = Episodes(*map(self._sequences, folders))
        return self._train_into(
            self._stages.first_policy, episodes, "first core and head", self.settings.policy
        )

    def _record_driven(self) -> dict[str, Any]:
        model_path = self._stages.first_policy.folder / POLICY_NAME
        nominal_path = self._stages.driven.folder / NOMINAL_NAME
        self._drawn(model_path).save(nominal_path)
        with self.progress("first policy drives") as update:
            return record_driven(
                self._stages.driven.folder,
                self.settings.driven,
                model_path,
                nominal_path,
                self._stages.encoder_path,
                self.settings.seed,
                self.machine.workers,
                update,
            )

    def _refine_positions(self) -> dict[str, Any]:
        first, stage = self._stages.first_policy, self._stages.positions
        return self._refine(first, stage, "positions", self.settings.refine_positions)

    def _refine_policy(self) -> dict[str, Any]:
        positions, stage = self._stages.positions, self._stages.policy
        return self._refine(positions, stage, "core and head", self.settings.refine)

    def _refine(
        self, before: Stage, stage: Stage, title: str, refine: RefineSettings
    ) -> dict[str, Any]:
        start = load_policy(before.folder / POLICY_NAME)
        settings = dataclasses.replace(self.settings.policy, **vars(refine))
        return self._train_into(stage, self._all_episodes(), title, settings, start)

    def _all_episodes(self) -> Episodes:
        ordinary = [*self._stages.episodes, *self._stages.driven_episodes]
        worlds = [*self._stages.worlds, *self._stages.driven_worlds]
        return Episodes(*map(self._sequences, (ordinary, self._stages.starts, worlds)))

    def _train_into(
        self,
        stage: Stage,
        episodes: Episodes,
        title: str,
        settings: PolicySettings,
        start: PolicyModel | None = None,
    ) -> dict[str, Any]:
        norm = start.norm if start else normalisation(episodes.ordinary, self._stages.spec)
        with self.progress(title) as update:
            policy = train_policy(
                stage.folder,
                episodes,
                norm,
                self._stages.spec,
                settings,
                self.settings.seed,
                self.machine.checkpoint_s,
                update,
                start.params if start else None,
            )
        model = ModelFile(
            spec=self._stages.spec.to_dict(),
            params=policy.to_numpy(),
            norm=norm,
            encoder_sha256=file_sha256(self._stages.encoder_path),
            metadata={"seed": self.settings.seed, "recordings": self._stages.recordings.key},
        )
        model.save(stage.folder / POLICY_NAME)
        return {"fingerprint": model.fingerprint}

    def _draw_nominal(self) -> dict[str, Any]:
        drawn = self._drawn(self._stages.policy_path)
        model = load_policy(self._stages.policy_path)
        episodes = self._all_episodes().normalised(model.norm)
        step_s = model.spec.step_s
        prior = world_prior(
            model,
            episodes.ordinary,
            [without_new_targets(item, step_s) for item in episodes.worlds],
            self.settings.world_prior,
        )
        dataclasses.replace(drawn, world=prior).save(self._stages.nominal_path)
        return {"windows": len(drawn.windows), "directions": len(prior.directions)}

    def _drawn(self, model_path: Path) -> NominalSet:
        model = load_policy(model_path)
        sequences = [
            normalised(item, model.norm) for item in self._sequences(self._stages.episodes)
        ]
        return nominal_set(model, sequences, self.settings.nominal, self.settings.seed)

    def _sequences(self, folders: list[Path]) -> list[PolicySequence]:
        embeddings = {
            self._stages.recordings.folder: self._stages.embeddings.folder,
            self._stages.driven.folder: self._stages.driven_embeddings.folder,
        }
        return [
            policy_sequence(
                Recording.load(folder),
                np.load(embeddings[folder.parent] / f"{folder.name}.npy"),
                self._stages.spec,
            )
            for folder in folders
        ]

    def _evaluate(self) -> dict[str, Any]:
        settings = self.settings.evaluation
        figures = {}
        for driver in ("planner", "policy"):
            with self.progress(f"held-out, {driver} drives") as update:
                figures[driver] = evaluate(
                    self._stages.policy_path,
                    self._stages.encoder_path,
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
        for source in (
            self._stages.encoder_path,
            self._stages.nominal_path,
            self._stages.policy_path,
        ):
            write_atomically(self.models / source.name, source.read_bytes())


def _embed_to_disk(encoder: Path, recording: Path, path: Path) -> None:
    unfinished = path.with_suffix(".partial.npy")
    np.save(unfinished, embed(Recording.load(recording), OnnxEncoder(encoder)))
    unfinished.replace(path)
