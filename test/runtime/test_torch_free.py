import subprocess
import sys

MODULES = [
    "liquid_adapt_ros.lnn",
    "liquid_adapt_ros.lnn.kernel",
    "liquid_adapt_ros.lnn.streaming",
    "liquid_adapt_ros.runtime.engine",
    "liquid_adapt_ros.runtime.limits",
    "liquid_adapt_ros.runtime.policy_model",
    "liquid_adapt_ros.runtime.weight_store",
    "liquid_adapt_ros.weights.model_file",
]


def test_what_runs_on_the_robot_does_not_import_torch():
    script = f"import sys, {', '.join(MODULES)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
