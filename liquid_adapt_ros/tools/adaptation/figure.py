"""The suite's report as a picture: the error's course under each disturbance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from liquid_adapt_ros.tools.adaptation.disturbances import CHANGE_S, RETURN_S

matplotlib.use("Agg")

_COLOURS = {"frozen": "0.45", "original": "tab:orange", "readout": "tab:blue", "both": "tab:red"}
_COLUMNS = 3


def draw(report: dict[str, Any], path: Path) -> None:
    """Write a PNG: for each disturbance the median over seeds of each second's error, with the
    10th to 90th percentile of the full engine."""
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogFormatter

    disturbances = report["disturbances"]
    rows = -(-len(disturbances) // _COLUMNS)
    figure, axes = plt.subplots(
        rows, _COLUMNS, figsize=(14, 2.6 * rows), sharex=True, squeeze=False, layout="constrained"
    )
    for axis, (name, methods) in zip(axes.flat, disturbances.items(), strict=False):
        for method, colour in _COLOURS.items():
            if method not in methods:
                continue
            course = 1000.0 * np.array(methods[method]["course_m"], float)
            seconds = np.arange(course.shape[1]) + 0.5
            low, median, high = _quantiles(course, (0.1, 0.5, 0.9))
            axis.plot(seconds, median, color=colour, lw=1.2, label=method)
            if method == "both":
                axis.fill_between(seconds, low, high, color=colour, alpha=0.15, lw=0)
        for change_s in (CHANGE_S, RETURN_S):
            axis.axvline(change_s, color="0.7", lw=0.8, ls="--")
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(LogFormatter(labelOnlyBase=False))
        axis.set_title(name.replace("_", " "), fontsize=10)
    for axis in axes.flat[len(disturbances) :]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel("position error [mm]")
    for axis in axes[-1]:
        axis.set_xlabel("time [s]")
    axes.flat[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _quantiles(course: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    """Quantiles over seeds of each second, (shares, seconds); NaN where no seed has a sample."""
    known = np.isfinite(course).any(axis=0)
    quantiles = np.full((len(shares), course.shape[1]), np.nan)
    quantiles[:, known] = np.nanquantile(course[:, known], shares, axis=0)
    return quantiles
