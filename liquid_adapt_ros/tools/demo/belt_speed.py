"""The belt speed that the network's predictions imply, to be drawn against the true one.

The network predicts no speed. But its prediction p(t) is where the target will be at t + h, seen
from the base of that instant; while the target stays the same object and lies on the belt, p_x
moves along the belt with the belt's speed less the base's own. So over a short window

    belt speed at t + h  =  slope of p_x over the window that ends at t  +  speed of the base

The slope is a least-squares line. The base's speed comes from sim/truth (its odometry); the base
turns too little in a window to matter. Windows in which the target changes are left out; sim/truth
says which object the target is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liquid_adapt_ros.tools.demo.recording import NANOSECONDS, Action, Recording

WINDOW_S = 1.0
# Share of the window's actions that must be there at all.
_COMPLETE = 0.5


@dataclass(frozen=True)
class BeltSpeed:
    """True and predicted belt speed.

    Attributes:
        time_s: (N,) instants of the true speed [s].
        true_m_s: (N,).
        predicted_time_s: (M,) instants for which the predictions hold [s].
        predicted_m_s: (M,).
    """

    time_s: NDArray[np.float64]
    true_m_s: NDArray[np.float64]
    predicted_time_s: NDArray[np.float64]
    predicted_m_s: NDArray[np.float64]


def belt_speed(recording: Recording) -> BeltSpeed:
    """True and implied belt speed at the instants of sim/truth."""
    truth = recording.truth
    actions = [action for action in recording.actions if action.predicts]
    stamps_s = np.array([action.stamp_ns / NANOSECONDS for action in actions])
    predicted = []
    for index, sample in enumerate(truth):
        slope = _slope(sample["time_s"], truth, index, actions, stamps_s)
        if slope is not None:
            horizon_s = actions[0].horizon_s
            predicted.append((sample["time_s"] + horizon_s, slope + sample["base_speed_m_s"]))
    times, speeds = np.array(predicted).T if predicted else (np.empty(0), np.empty(0))
    return BeltSpeed(
        time_s=np.array([sample["time_s"] for sample in truth]),
        true_m_s=np.array([sample["belt_speed_m_s"] for sample in truth]),
        predicted_time_s=times,
        predicted_m_s=speeds,
    )


def _slope(
    end_s: float,
    truth: list[dict[str, Any]],
    index: int,
    actions: list[Action],
    stamps_s: NDArray[np.float64],
) -> float | None:
    """Slope of predicted x over the window that ends at end_s [m/s]; None without one target."""
    targets = {
        sample["target_id"]
        for sample in truth[: index + 1][-round(WINDOW_S * 20) :]
        if sample["time_s"] >= end_s - WINDOW_S - 0.1
    }
    if len(targets) != 1 or None in targets:
        return None
    first, last = np.searchsorted(stamps_s, (end_s - WINDOW_S, end_s))
    if last - first < 3 or stamps_s[last - 1] - stamps_s[first] < _COMPLETE * WINDOW_S:
        return None
    x = [action.predicted_position[0] for action in actions[first:last]]
    return float(np.polyfit(stamps_s[first:last] - end_s, x, 1)[0])
