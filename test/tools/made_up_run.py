"""A run of the demo that never was: one object after the other on a belt of constant speed."""

import numpy as np
from problems import neutral_norm

from liquid_adapt_ros.lnn.initialisation import initial_params
from liquid_adapt_ros.lnn.spec import FeatureLayout, PolicySpec
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.tools.demo.recording import (
    Action,
    Detection,
    FusedSample,
    JointStateArrival,
    Recording,
    TrainerStatus,
)

BELT_M_S = 0.2
OBJECT_EVERY_S = 4.0
HORIZON_S = 0.3
LATENCY_NS = 3_000_000
FROZEN_POSITION_M = (0.0, 0.55, 0.45)
TICK_NS = 10_000_000
# What report.json must hold at least.
REPORT_KEYS = {
    "frozen_rmse_m",
    "adapted_rmse_m",
    "gain_percent",
    "nominal_rmse_m",
    "real_time_factor",
    "fused_rate_hz",
    "action_rate_hz",
    "latency_ms",
    "weight_updates",
    "picks",
    "objects",
}


def object_position(time_s: float) -> tuple[float, float, float]:
    """Where the target is; each object enters at x = -0.5 m."""
    return (-0.5 + BELT_M_S * (time_s % OBJECT_EVERY_S), 0.55, 0.45)


def frozen_policy() -> StreamingPolicy:
    """A network that always predicts FROZEN_POSITION_M."""
    spec = PolicySpec(inputs=FeatureLayout(2, 6, 6), hidden=4, head=4, horizon_s=HORIZON_S)
    params = initial_params(spec.network, np.random.default_rng(0))
    params["readout.weight"][:] = 0.0
    norm = neutral_norm(spec)
    norm["norm.output_mean"][-3:] = FROZEN_POSITION_M
    return StreamingPolicy(spec, params, norm)


def made_up_run(
    duration_s: float,
    adapted_error_m: float = 0.01,
    base_speed_m_s: float = 0.0,
    real_time_factor: float = 1.0,
) -> Recording:
    """A run whose published predictions lie adapted_error_m above the object."""
    recording = Recording()
    for tick in range(1, round(duration_s * 100) + 1):
        stamp_ns = tick * TICK_NS
        time_s, arrival_ns = stamp_ns / 1e9, round(stamp_ns / real_time_factor)
        recording.joint_states.append(JointStateArrival(stamp_ns, arrival_ns))
        features = np.zeros(14, np.float32)
        recording.fused.append(FusedSample(stamp_ns, arrival_ns + 1_000_000, features))
        x, y, z = object_position(time_s + HORIZON_S)
        if int(time_s / OBJECT_EVERY_S) != int((time_s + HORIZON_S) / OBJECT_EVERY_S):
            x += BELT_M_S * OBJECT_EVERY_S  # still the object that is the target now
        recording.actions.append(
            Action(
                stamp_ns=stamp_ns,
                arrival_ns=arrival_ns + LATENCY_NS,
                predicted_position=(x - base_speed_m_s * time_s, y, z + adapted_error_m),
                horizon_s=HORIZON_S,
                weight_version=tick // 50,
            )
        )
        if tick % 5 == 0:
            recording.detections.append(Detection(stamp_ns, object_position(time_s)))
        if tick % 10 == 0:
            recording.truth.append(_truth(time_s, base_speed_m_s))
    recording.status.append(TrainerStatus(stamp_ns, 0.01, 0.02, 50.0, tick // 50, 3, 0, 0, ""))
    return recording


def _truth(time_s: float, base_speed_m_s: float) -> dict:
    return {
        "time_s": time_s,
        "belt_speed_m_s": BELT_M_S,
        "base_speed_m_s": base_speed_m_s,
        "target_id": int(time_s / OBJECT_EVERY_S),
        "driver": "planner",
        "picks": {"policy": 1, "planner": 2},
        "misses": 0,
        "objects": 3,
        "real_time_factor": 1.0,
        "late_ticks": 0,
    }
