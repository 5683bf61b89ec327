"""A benchmark report with made-up figures, and settings of a run that takes seconds."""

from liquid_adapt_ros.tools.bench.growth import BY_BATCH, BY_WINDOW, GRADIENT, STEP
from liquid_adapt_ros.tools.bench.settings import (
    BenchSettings,
    GrowthSettings,
    SequenceSettings,
    TimingSettings,
    TrackingSettings,
    Workload,
)

RATIOS = {
    "step/torchdiffeq_window": 5000.0,
    "step/ncps_cfc": 20.0,
    "step/ncps_ltc": 80.0,
    "step/torch_gru": 10.0,
    "step/torch_autograd_form": 60.0,
    "window_gradient/torchdiffeq_adjoint": 150.0,
    "window_gradient/torchdiffeq_odeint": 50.0,
    "window_gradient/ncps_cfc": 30.0,
    "window_gradient/ncps_ltc": 120.0,
    "window_gradient/torch_gru": 0.9,
    "window_gradient/torch_autograd_form": 40.0,
    "readout/numpy_solve": 2.0,
    "readout/scipy_cholesky": 1.5,
}
WORKLOAD = Workload(hidden=8, head=4, window=6)
TINY = BenchSettings(
    workload=WORKLOAD,
    timing=TimingSettings(step_rounds=2, gradient_rounds=1, growth_rounds=1, most_per_block=2),
    growth=GrowthSettings(hidden=(4, 8), window=(3, 6), batch=(1, 2)),
    tracking=TrackingSettings(
        hidden=(4, 8), steps=1, batch=2, length=12, unscored=3, test_episodes=2
    ),
    sequence=SequenceSettings(
        units=4, batch=256, epochs=1, seeds=(0, 1), test_window=60, unscored=5
    ),
)


def made_up_report() -> dict:
    timing = {"cpu_us": 2.9, "median_us": 3.0, "p99_us": 9.0, "min_us": 2.5, "runs": 10}
    network = {
        "test_mse": 0.11,
        "spread": 0.01,
        "by_seed": [0.1, 0.12],
        "parameters": 2500,
        "training_s": 1.5,
    }
    sizes = {"parameters": 30000, "core_parameters": 17000, "position_error_mm": 20.0}
    solver = {"evaluations": 4.0, "latency_us": 3.0, "design_weights_error_mm": 20.0}
    curve = {"sizes": [32, 64], "timings": [timing, timing], "slope": 0.0}
    curve["line"] = {"fixed_us": 2.9, "each_us": 0.0, "worst_percent": 0.0}
    return {
        "ratios": RATIOS,
        "machine": {
            "cpu": "a processor",
            "cores": 2,
            "instruction_set": "avx2",
            "torch_threads": 1,
            "load_average": 0.5,
            "system": "Linux x86_64",
            "versions": {"python": "3.11"},
        },
        "step": {"ours": {"liquid_ode/rk4": timing}, "peers": {"ncps_cfc": timing}},
        "window_gradient": {"ours": {"liquid_ode/rk4": timing}, "peers": {"ncps_cfc": timing}},
        "readout": {"ours": {"compiled": timing}, "peers": {"numpy_solve": timing}},
        "gradient_error": {"liquid_ode/rk4": 5e-7},
        "growth": dict.fromkeys((STEP, GRADIENT, BY_WINDOW, BY_BATCH), curve),
        "latency": {
            "step": timing,
            "training_step": timing,
            "memory": {"rss_mb": 33.0, "parameters": 31244, "parameter_bytes": 124976},
        },
        "trade_offs": {
            "last_seen_error_mm": 66.0,
            "hidden": {"64": sizes | {"latency_us": 3.0}},
            "solver": {
                "rk4": solver | {"trained_error_mm": 20.0},
                "dopri5": solver | {"trained_error_mm": None},
            },
        },
        "sequence_task": {
            "series": "some series",
            "networks": {
                "persistence": {"test_mse": 0.12, "spread": 0.0},
                "liquid_ode/rk4": network,
                "ncps_ltc": network,
            },
        },
        "settings": {},
        "duration_s": 300.0,
    }
