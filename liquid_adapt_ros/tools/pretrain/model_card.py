"""models/README.md, written from measured figures."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from liquid_adapt_ros.sim.disturbed_worlds import BELT_SPEED_M_S
from liquid_adapt_ros.tools.pretrain.settings import PretrainSettings

_CARD = """# The shipped model

Written by `make pretrain`; do not edit. Three files that belong together:
`conveyor_encoder.onnx` (RGB-D picture to 128 numbers, {encoder_parameters}),
`conveyor_policy.safetensors` (liquid core and head, 140 features to 12 outputs, with the
normalisation and a fingerprint that covers sizes, encoder and normalisation) and
`conveyor_policy_nominal.safetensors` ({nominal} windows of the training data and the Fisher
information of each weight on them: what online learning shall not forget; and the {directions}
main directions in which the readouts of the disturbed episodes differ: what it looks for first).

## What it was trained on
{episodes} simulated episodes of {episode_s:g} s and {starts} of {start_s:g} s that start with arm
and objects anywhere, seed {seed}, drawn by `sim/randomisation.py` over the nominal ranges of belt,
objects, light and camera mount; before {run_in_percent:.0f} % of the longer ones the robot has
worked for up to {run_in_s:g} s. The planner drives; in {noisy_percent:.0f} % of the episodes noise
of {noise:g} rad/s is added to its joint velocities (and a little to the base's). Labels are the
simulator's truth.

All but the readout was also trained on {worlds} disturbed episodes of {world_s:g} s, drawn by
`sim/disturbed_worlds.py`: belts of up to {belt_m_s:g} m/s, bumped and late
cameras, wrong depth, other light, payloads, and biased encoders and IMUs, one to three of them at
once. The encoder is told where objects are as the camera measures them, from where a bump has
brought it and by its own wrong depth (`tools/pretrain/pictures.py`); the first nine of its numbers
are the positions of target, next object and tool, read out of all that it sees
(`tools/pretrain/position_readout.py`). Core and head have their
readout solved anew from the seconds that have passed, and their features are trained for what it
says to the samples after them (`tools/pretrain/world_training.py`). In all {pictures} pictures.

A first policy, trained on these alone, then drove {driven} nominal episodes of {driven_s:g} s and
{driven_worlds} disturbed ones of {driven_world_s:g} s, learning as it does on the robot and
watched by the supervisor; then it was trained further on all of them, with what the planner would
have done in its place (DAgger, arXiv 1011.0686).

The loss is made of the errors of actions and position and of the share of the time in which the
supervisor would have the planner drive (`tools/pretrain/train_policy.py`). In the further
training, {positions_steps} steps for positions and {refine_steps} for the time at the wheel too,
most weight is on the positions that readouts solved anew say.

## How well it does
On {held_out} held-out episodes of {held_out_s:g} s (other seeds, same ranges), streamed through
the code that runs on the robot: position of the target {horizon:g} s ahead in base_link, distance
in space, over all samples whose target is still the target by then.

| | planner drives | policy drives, supervised |
|---|---|---|
| position error, RMSE | {planner[position_rmse_m]:.1f} mm | {policy[position_rmse_m]:.1f} mm |
| without the first 0.3 s of each target, RMSE | {planner[position_settled_rmse_m]:.1f} mm | \
{policy[position_settled_rmse_m]:.1f} mm |
| median, 95th percentile | {planner[position_median_m]:.1f}, {planner[position_p95_m]:.1f} mm | \
{policy[position_median_m]:.1f}, {policy[position_p95_m]:.1f} mm |
| RMSE per episode: smallest, median, largest | {planner[episode_rmse_min_m]:.1f}, \
{planner[episode_rmse_median_m]:.1f}, {planner[episode_rmse_max_m]:.1f} mm | \
{policy[episode_rmse_min_m]:.1f}, {policy[episode_rmse_median_m]:.1f}, \
{policy[episode_rmse_max_m]:.1f} mm |
| joint velocity against the planner's, RMSE | {planner[joint_velocity_rmse_rad_s]:.3f} rad/s | \
{policy[joint_velocity_rmse_rad_s]:.3f} rad/s |
| base velocity against the planner's, RMSE | {planner[base_linear_rmse_m_s]:.3f} m/s | \
{policy[base_linear_rmse_m_s]:.3f} m/s |
| suction switched otherwise than by the planner | {planner[gripper_wrong_percent]:.1f} % | \
{policy[gripper_wrong_percent]:.1f} % |
| samples | {planner[samples]} | {policy[samples]} |
| time in which the policy drives; its picks of all objects | | \
{policy[policy_drives_percent]:.0f} %; {policy[policy_picks]} of {policy[objects]} |

## How long it took
| stage | wall clock |
|---|---|
{durations}

On {machine}. {encoder}

## Limits
- Trained in simulation only, on one cell, one camera place and one arm; the pictures have no
  shadows and no clutter. Outside the nominal ranges it gets worse: that is what online learning is
  for.
- Worst where it takes another object for the target: most of the squared error comes from the
  first 0.3 s of a target, and what is left of it from tenths of a second in single episodes.
- Right after a change of target it answers for the old one until a picture shows the new.
- The actions are the planner's, imitated; they need the supervisor.

## Again
`make pretrain` on the same version of the sources gives the same recordings. Weights agree closely
but not to the last bit between machines: the order of sums in torch depends on threads and CPU.
"""


def model_card(settings: PretrainSettings, results: dict[str, dict[str, Any]]) -> str:
    """The card for the results of the pipeline's stages."""
    recordings = results["recordings"]
    evaluation = results["evaluation"]
    return _CARD.format(
        encoder_parameters="0.80 M parameters",
        episodes=settings.data.episodes,
        episode_s=settings.data.episode_s,
        pictures=recordings["pictures"],
        starts=settings.data.starts,
        start_s=settings.data.start_s,
        seed=settings.seed,
        run_in_percent=100.0 * (1.0 - settings.data.fresh_share),
        run_in_s=settings.data.run_in_s,
        belt_m_s=BELT_SPEED_M_S[1],
        driven=settings.driven.episodes,
        driven_s=settings.driven.episode_s,
        driven_worlds=settings.driven.worlds,
        driven_world_s=settings.driven.world_s,
        noisy_percent=100.0 * settings.data.noisy_share,
        noise=settings.data.noise_rad_s,
        nominal=results["nominal set"]["windows"],
        directions=results["nominal set"]["directions"],
        positions_steps=settings.refine_positions.steps,
        refine_steps=settings.refine.steps,
        held_out=settings.evaluation.episodes,
        held_out_s=settings.evaluation.episode_s,
        horizon=0.3,
        planner=_in_millimetres(evaluation["planner"]),
        policy=_in_millimetres(evaluation["policy"]),
        durations="\n".join(
            f"| {name} | {result['wall_s'] / 60.0:.1f} min |" for name, result in results.items()
        ),
        machine=machine_class(),
        worlds=settings.data.worlds,
        world_s=settings.data.world_s,
        encoder=_encoder(results["encoder"]),
    )


def _encoder(figures: dict[str, Any]) -> str:
    if "target_error_median_m" not in figures:
        return "The encoder was kept as it was (`--encoder`)."
    median_mm, difference = 1000.0 * figures["target_error_median_m"], figures["onnx_difference"]
    return (
        "The encoder alone reads the target's present position out of a picture with a\nmedian "
        f"error of {median_mm:.1f} mm; ONNX Runtime and torch differ by at most {difference:.0e}."
    )


def machine_class() -> str:
    """What kind of machine this is, in words; never its name."""
    if torch.cuda.is_available():
        return f"one {torch.cuda.get_device_name()}"
    return f"{os.cpu_count()} {platform.machine()} CPU cores, no GPU"


def _in_millimetres(figures: dict[str, float]) -> dict[str, float]:
    lengths = {
        name: 1000.0 * value
        for name, value in figures.items()
        if name.startswith(("position_", "episode_rmse_"))
    }
    return (
        figures
        | lengths
        | {
            "gripper_wrong_percent": 100.0 * figures["gripper_wrong_share"],
            "policy_drives_percent": 100.0 * figures["policy_drives_share"],
        }
    )
