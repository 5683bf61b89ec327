import subprocess
import sys

from liquid_adapt_ros.share import share_folder

NODE = "liquid_adapt_ros.nodes.lnn_inference"
MODULES = [
    "liquid_adapt_ros.fusion.encoder",
    "liquid_adapt_ros.lnn",
    "liquid_adapt_ros.lnn.kernel",
    "liquid_adapt_ros.lnn.streaming",
    "liquid_adapt_ros.runtime.engine",
    "liquid_adapt_ros.runtime.limits",
    "liquid_adapt_ros.runtime.onnx_step",
    "liquid_adapt_ros.runtime.policy_model",
    "liquid_adapt_ros.runtime.weight_store",
    "liquid_adapt_ros.weights.model_file",
]


def test_what_runs_on_the_robot_does_not_import_torch():
    script = f"import sys, {', '.join(MODULES)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


RUN_EXPORTED = """
import sys
import numpy as np
from liquid_adapt_ros.fusion.encoder import OnnxEncoder
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.runtime.onnx_step import ExportedStep
from liquid_adapt_ros.runtime.policy_model import load_policy

model = load_policy(sys.argv[1])
step = ExportedStep(sys.argv[2], model.spec, model.fingerprint)
policy = StreamingPolicy(model.spec, model.params, model.norm, step.with_weights)
assert policy.step(np.zeros(model.spec.features, np.float32), 0.01).finite
encoder = OnnxEncoder(sys.argv[3])
encoder.encode(np.zeros((4, 96, 128), np.float32), np.zeros((4, 24, 32), np.float32))
sys.exit("torch" in sys.modules or "onnx" in sys.modules)
"""


def test_exported_files_run_without_torch(exported_model):
    files = [
        share_folder() / "models" / "conveyor_policy.safetensors",
        exported_model.folder / "policy_step.onnx",
        exported_model.folder / "conveyor_encoder.onnx",
    ]
    command = [sys.executable, "-c", RUN_EXPORTED, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_compiled_engine_does_without_onnx_runtime():
    script = f"import sys, {NODE}; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
