"""An update of the readout's regressions: some labelled samples in, the corrections out.

Ours is `adaptation.ridge_bank`; the peers do the same sums and solve the same equations in
float64 with numpy and with scipy's Cholesky factors (LAPACK's).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.adaptation.ridge_bank import RidgeBank
from liquid_adapt_ros.tools.bench.settings import Workload
from liquid_adapt_ros.tools.bench.timing import Subject

Array = NDArray[np.float64]

_SETTINGS = ReadoutSettings()
# Labels of 0.05 s at 100 Hz, the time between two updates.
_SAMPLES = 5


def our_update(workload: Workload) -> dict[str, Subject]:
    """The compiled one; answers corrections (K, P, O)."""
    phi, residual, counts, prior = _made_up(workload)
    bank = RidgeBank(_SETTINGS.memories, _SETTINGS.priors, *_sizes(workload))

    def call() -> Array:
        bank.learn(phi, residual, counts, counts)
        return bank.corrections(prior)

    return {"compiled": call}


def peer_updates(workload: Workload) -> dict[str, Subject]:
    """By name of the peer; answers corrections (K, P, O)."""
    return {
        "numpy_solve": _peer(workload, np.linalg.solve),
        "scipy_cholesky": _peer(workload, _by_cholesky),
    }


def _peer(workload: Workload, solve: Callable[[Array, Array], Array]) -> Subject:
    phi, residual, counts, prior = _made_up(workload)
    memories = np.array(_SETTINGS.memories)[:, None]
    held = np.array(_SETTINGS.priors)[:, None, None] * prior
    features, outputs = _sizes(workload)
    sums = np.zeros((len(memories), features, features + outputs))
    rows = np.concatenate([phi, residual], axis=1)
    later = np.cumsum(counts[::-1])[::-1] - counts

    def call() -> Array:
        nonlocal sums
        weight = counts * np.exp(-later / memories)
        sums *= np.exp(-counts.sum() / memories)[:, :, None]
        sums += (weight[:, :, None] * phi).transpose(0, 2, 1) @ rows
        return solve(sums[:, :, :features] + held, sums[:, :, features:])

    return call


def _by_cholesky(matrices: Array, wanted: Array) -> Array:
    factors = (scipy.linalg.cho_factor(matrix, check_finite=False) for matrix in matrices)
    return np.stack(
        [
            scipy.linalg.cho_solve(factor, right, check_finite=False)
            for factor, right in zip(factors, wanted, strict=True)
        ]
    )


def _sizes(workload: Workload) -> tuple[int, int]:
    """Features of the readout, with the 1 at the end, and outputs."""
    return workload.head + 1, workload.outputs


def _made_up(workload: Workload) -> tuple[Array, Array, Array, Array]:
    """phi (N, P), residuals (N, O), how much each sample counts (N,), and the prior (P, P)."""
    rng = np.random.default_rng(0)
    features, outputs = _sizes(workload)
    seen = rng.standard_normal((4 * features, features))
    return (
        rng.standard_normal((_SAMPLES, features)),
        rng.standard_normal((_SAMPLES, outputs)),
        _SETTINGS.independent(np.full(_SAMPLES, workload.step_s)),
        seen.T @ seen / len(seen),
    )
