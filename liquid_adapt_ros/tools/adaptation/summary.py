"""The figures of all runs, gathered, and the few that say how good learning is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from liquid_adapt_ros.tools.adaptation.hostile import FAULTS
from liquid_adapt_ros.tools.adaptation.scores import PHASES
from liquid_adapt_ros.tools.adaptation.suite import NOTHING, Suite

FULL = "both"
# When learning has to show what it is worth.
FALLS = ("0-5 s", "5-30 s", "30-60 s")
# A disturbance matters that raises the frozen network's error by half.
RAISED = 1.5
ERRORS = ("position_rmse_m", "joint_velocity_rmse_rad_s")
COSTS = (
    "engine_share",
    "training_share",
    "delay_median_s",
    "updates",
    "accepted",
    "rejected",
    "rolled_back",
)
DRIVING = ("objects", "policy_picks", "planner_picks", "ticks", "policy_ticks")


def gather(suite: Suite) -> dict[str, Any]:
    """All figures: by disturbance, method and phase a list over the seeds; with the summary."""
    report: dict[str, Any] = {
        "split": suite.split.name,
        "seeds": list(suite.split.seeds),
        "closed_loop_seeds": list(suite.closed_loop_seeds),
        "phases_s": PHASES,
        "disturbances": {
            item.name: _methods(suite, item.name, bool(item.values))
            for item in suite.split.disturbances
        },
        "closed_loop": {
            item.name: {method: _driving(suite, method, item.name) for method in ("frozen", FULL)}
            for item in suite.split.disturbances
        },
    }
    if suite.with_faults:
        report["erring_detectors"] = {
            fault: suite.results("faults", fault, suite.split.seeds) for fault in FAULTS
        }
    report["ways"] = {method: _way(report["disturbances"], method) for method in suite.methods}
    report["summary"] = _summary(report)
    return report


def _methods(suite: Suite, name: str, changes: bool) -> dict[str, Any]:
    methods = {}
    for method in suite.methods:
        runs = suite.results(method, name, suite.split.seeds)
        if "frozen" not in methods:
            methods["frozen"] = _errors([run["frozen"] for run in runs])
            methods["frozen"]["course_m"] = [run["course"]["frozen_m"] for run in runs]
        methods[method] = _errors(runs) | {cost: [run[cost] for run in runs] for cost in COSTS}
        methods[method]["course_m"] = [run["course"]["adapted_m"] for run in runs]
    if suite.with_oracle and changes:
        methods["oracle"] = _errors(suite.results("oracle", name, suite.split.seeds))
    return methods


def _errors(runs: list[dict[str, Any]]) -> dict[str, dict[str, list[float]]]:
    return {
        error: {phase: [run[error][phase] for run in runs] for phase in PHASES} for error in ERRORS
    }


def _driving(suite: Suite, method: str, name: str) -> dict[str, dict[str, int]]:
    runs = suite.results(f"closed_loop_{method}", name, suite.closed_loop_seeds)
    return {
        phase: {key: sum(run[phase][key] for run in runs) for key in DRIVING}
        for phase in ("before", "disturbed")
    }


def position(methods: dict[str, Any], method: str, phase: str) -> np.ndarray:
    """Position errors (seeds,) of a method in a phase [m]."""
    return np.array(methods[method]["position_rmse_m"][phase], float)


def fall_percent(methods: dict[str, Any], method: str, phase: str) -> float:
    """Median over seeds of how far the error is below the frozen network's [%]."""
    ratio = position(methods, method, phase) / position(methods, "frozen", phase)
    return float(np.nanmedian(100.0 * (1.0 - ratio)))


def removed_percent(everything: dict[str, Any], name: str, method: str, phase: str) -> float:
    """How much is removed of the error that a disturbance adds to the frozen network's in an
    episode of the same seed in which nothing changes; median over the seeds [%].

    What is left of it where nothing changes no learning can take away, and the fall of the whole
    error can't exceed what was added.
    """
    methods, quiet = everything[name], position(everything[NOTHING], "frozen", phase)
    frozen = position(methods, "frozen", phase)
    removed = frozen - position(methods, method, phase)
    return float(np.nanmedian(100.0 * removed / (frozen - quiet)))


def rise(methods: dict[str, Any]) -> float:
    """By which factor a disturbance raises the frozen network's error, median over seeds."""
    disturbed = position(methods, "frozen", "disturbed")
    return float(np.nanmedian(disturbed / position(methods, "frozen", "before")))


def _summary(report: dict[str, Any]) -> dict[str, Any]:
    everything = report["disturbances"]
    changed = {name: item for name, item in everything.items() if name != NOTHING}
    raised = {name: item for name, item in changed.items() if rise(item) >= RAISED}

    def over(items: dict[str, Any], value: Callable[[dict[str, Any]], float]) -> list[float]:
        return [value(methods) for methods in items.values()]

    summary: dict[str, Any] = {"raised_by_half": sorted(raised)}
    for phase in FALLS:
        falls = over(changed, lambda item, phase=phase: fall_percent(item, FULL, phase))
        worst = over(raised, lambda item, phase=phase: fall_percent(item, FULL, phase))
        summary[f"fall_percent {phase}"] = {
            "median_over_disturbances": float(np.median(falls)),
            "median_over_those_that_raise_it": float(np.median(worst)) if worst else None,
            "worst_that_raises_it": float(np.min(worst)) if worst else None,
        }
        removed = [removed_percent(everything, name, FULL, phase) for name in raised]
        summary[f"removed_of_what_was_added_percent {phase}"] = {
            "median_over_those_that_raise_it": float(np.median(removed)) if removed else None,
            "worst_that_raises_it": float(np.min(removed)) if removed else None,
        }
    with_oracle = {name: item for name, item in raised.items() if "oracle" in item}
    if with_oracle:
        left = over(
            with_oracle,
            lambda item: float(
                np.nanmedian(position(item, FULL, "30-60 s") / position(item, "oracle", "30-60 s"))
            ),
        )
        summary["error_over_oracle 30-60 s"] = {
            "median_over_those_that_raise_it": float(np.median(left)),
            "worst": float(np.max(left)),
        }
    cost = _cost_percent(everything, FULL)
    summary["cost_where_nothing_changed_percent"] = {
        "median": float(np.median(cost)),
        "worst_seed": float(np.max(cost)),
    }
    for key, phase in (
        ("return 0-5 s", "return 0-5 s"),
        ("after 60 s of something else", "after"),
    ):
        summary[f"nominal_error {key}"] = {
            "of_before": float(
                np.median(over(changed, lambda i, p=phase: _of_before(i, FULL, p)))
            ),
            "of_frozen": float(np.median(over(changed, lambda i, p=phase: _of_frozen(i, p)))),
            "worst_of_frozen": float(np.max(over(changed, lambda i, p=phase: _of_frozen(i, p)))),
        }
    shares = [share for item in everything.values() for share in item[FULL]["engine_share"]]
    summary["engine_share_of_a_core"] = {
        "median": float(np.median(shares)),
        "largest": float(np.max(shares)),
    }
    delays = [delay for item in everything.values() for delay in item[FULL]["delay_median_s"]]
    summary["label_to_action_delay_s"] = float(np.nanmedian(delays))
    summary["picks"] = _picks(report["closed_loop"])
    if "erring_detectors" in report:
        summary["erring_detectors"] = {
            fault: fault_figures(runs) for fault, runs in report["erring_detectors"].items()
        }
    return summary


def _way(everything: dict[str, Any], method: str) -> dict[str, float]:
    """A way of learning in a few figures: medians over the disturbances, and the worst of the
    seeds where nothing changes."""
    changed = [item for name, item in everything.items() if name != NOTHING]
    way = {
        f"fall_percent {phase}": float(
            np.median([fall_percent(item, method, phase) for item in changed])
        )
        for phase in FALLS
    }
    way["cost_where_nothing_changed_percent"] = float(np.max(_cost_percent(everything, method)))
    for phase in ("return 0-5 s", "after"):
        way[f"of_before {phase}"] = float(
            np.median([_of_before(item, method, phase) for item in changed])
        )
    shares = [share for item in everything.values() for share in item[method]["engine_share"]]
    way["share_of_a_core_percent"] = float(100.0 * np.median(shares))
    return way


def _cost_percent(everything: dict[str, Any], method: str) -> np.ndarray:
    """How much learning adds to the error of each seed where nothing changes, (seeds,) [%]."""
    quiet = everything[NOTHING]
    ratio = position(quiet, method, "disturbed") / position(quiet, "frozen", "disturbed")
    return 100.0 * (ratio - 1.0)


def _of_before(methods: dict[str, Any], method: str, phase: str) -> float:
    ratio = position(methods, method, phase) / position(methods, method, "before")
    return float(np.nanmedian(ratio))


def _of_frozen(methods: dict[str, Any], phase: str) -> float:
    ratio = position(methods, FULL, phase) / position(methods, "frozen", phase)
    return float(np.nanmedian(ratio))


def fault_figures(runs: list[dict[str, Any]]) -> dict[str, float]:
    """How much worse than frozen, median over seeds and worst seed [%]."""
    figures = {}
    for span in ("fault", "recovered", "all"):
        ratio = np.array([run[span]["adapted_m"] / run[span]["frozen_m"] for run in runs])
        worse = 100.0 * (ratio - 1.0)
        figures[f"{span}_worse_than_frozen_percent median"] = float(np.median(worse))
        figures[f"{span}_worse_than_frozen_percent worst_seed"] = float(np.max(worse))
    return figures


def _picks(closed_loop: dict[str, Any]) -> dict[str, Any]:
    def success(method: str, name: str) -> float:
        figures = closed_loop[name][method]["disturbed"]
        picks = figures["policy_picks"] + figures["planner_picks"]
        return picks / max(figures["objects"], 1)

    def alone(method: str, name: str) -> float:
        figures = closed_loop[name][method]["disturbed"]
        return figures["policy_picks"] / max(figures["objects"], 1)

    return {
        name: {
            "frozen": success("frozen", name),
            "adapted": success(FULL, name),
            "frozen_by_policy": alone("frozen", name),
            "adapted_by_policy": alone(FULL, name),
        }
        for name in closed_loop
    }
