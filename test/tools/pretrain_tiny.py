"""A pretraining run small enough for a test."""

from contextlib import contextmanager
from pathlib import Path

from liquid_adapt_ros.tools.pretrain.pipeline import Pipeline
from liquid_adapt_ros.tools.pretrain.settings import (
    DataSettings,
    DrivenSettings,
    EncoderSettings,
    EvaluationSettings,
    LossSettings,
    Machine,
    PolicySettings,
    PretrainSettings,
    RefineSettings,
    WorldSettings,
)

TINY = PretrainSettings(
    data=DataSettings(
        episodes=2,
        episode_s=2.0,
        starts=3,
        start_s=0.6,
        worlds=2,
        world_s=0.8,
        run_in_s=0.5,
        noisy_share=0.5,
    ),
    encoder=EncoderSettings(epochs=0.3, batch=8),
    policy=PolicySettings(
        steps=3, batch=4, window_s=0.5, worlds=WorldSettings(batch=2, window_s=0.6, chunks=3)
    ),
    refine_positions=RefineSettings(LossSettings(position_weight=16.0), steps=2),
    refine=RefineSettings(LossSettings(takeover_weight=2.0), steps=2),
    driven=DrivenSettings(episodes=1, episode_s=1.0, worlds=1, world_s=0.8),
    evaluation=EvaluationSettings(episodes=1, episode_s=1.5),
)


class CutOff(Exception):
    """What a test raises where a run is to be cut off."""


def tiny_pipeline(folder: Path, cut_off_in: str = "") -> tuple[Pipeline, list[str]]:
    """A pipeline below `folder` and the list of what it worked on, filled as it runs.

    The stage whose bar has the title `cut_off_in` raises CutOff after its first step.
    """
    titles: list[str] = []

    @contextmanager
    def progress(title):
        titles.append(title)

        def update(done, total, text):
            if title == cut_off_in and done:
                raise CutOff

        yield update

    machine = Machine(workers=1, threads=1, checkpoint_s=0.0)
    return Pipeline(folder / "work", folder / "models", TINY, machine, progress), titles
