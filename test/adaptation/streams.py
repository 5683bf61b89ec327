"""Made-up streams for the engine: a random network, and targets that its features explain."""

from dataclasses import dataclass

import numpy as np

from liquid_adapt_ros.adaptation.training_job import NotReady
from liquid_adapt_ros.lnn import NetworkSpec, initial_params
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream

SPEC = NetworkSpec(
    features=5, outputs=3, hidden=8, head=12, step_s=0.01, tau_min_s=0.02, tau_max_s=0.5
)
PARAMS = initial_params(SPEC, np.random.default_rng(3))
STEP_NS = 10_000_000


@dataclass(frozen=True)
class MadeUpStream:
    """stamp_ns (T,), features (T, F), target (T, O), and what the frozen network says (T, O)."""

    stamp_ns: np.ndarray
    features: np.ndarray
    target: np.ndarray
    frozen: np.ndarray


def stream(seconds: float, seed: int, change_s=np.inf, return_s=np.inf, noise=0.02):
    """Slow inputs; the network is right, but between change and return its outputs are shifted
    and turned."""
    rng = np.random.default_rng(seed)
    count = round(seconds / SPEC.step_s)
    time_s = np.arange(count) * SPEC.step_s
    speeds, phases = rng.uniform(3.0, 20.0, (2, SPEC.features))
    features = np.sin(np.outer(time_s, speeds) + phases).astype(np.float32)
    network = StatefulStream(SPEC, PARAMS)
    frozen = np.array([network.step(row, SPEC.step_s)[0].copy() for row in features])
    turned = frozen @ (np.eye(3) + 0.5 * np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]))
    changed = (time_s >= change_s) & (time_s < return_s)
    target = np.where(changed[:, None], turned + [0.5, -0.3, 0.4], frozen)
    target = target + noise * rng.standard_normal(target.shape)
    stamp_ns = np.arange(count, dtype=np.int64) * STEP_NS
    return MadeUpStream(stamp_ns, features, target.astype(np.float32), frozen)


def follow(engine, made_up, delay=30, train_every=None, label=lambda tick, target: target):
    """Run an engine over a stream; labels come `delay` samples late, as `label` alters them.

    Returns what it said, (T, O), and its updates.
    """
    said, updates = [], []
    for tick, (stamp_ns, row) in enumerate(zip(made_up.stamp_ns, made_up.features, strict=True)):
        said.append(engine.observe(int(stamp_ns), row).adapted)
        known = tick - delay
        if known >= 0:
            target = label(known, made_up.target[known])
            if target is not None:
                engine.label(int(made_up.stamp_ns[known]), target)
        updates.append(engine.update())
        if train_every and tick % train_every == train_every - 1:
            try:
                job = engine.training_job()
            except NotReady:
                continue
            updates.append(engine.finish(job, job.run()))
    return np.array(said), [update for update in updates if update is not None]


def rmse(said, made_up, start_s, end_s):
    """Root mean squared error against the targets over a span [s]."""
    rows = slice(round(start_s / SPEC.step_s), round(end_s / SPEC.step_s))
    return float(np.sqrt(np.mean(np.square(said[rows] - made_up.target[rows]))))
