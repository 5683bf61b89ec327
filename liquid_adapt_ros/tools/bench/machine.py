"""The machine the figures are from, in words, and what a process of the runtime weighs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from liquid_adapt_ros.lnn.kernel import instruction_set

# A process that imports the runtime alone and loads a model, as lnn_inference does.
_RUNTIME_PROCESS = """
import json, sys
from liquid_adapt_ros.runtime.engine import StreamingPolicy
from liquid_adapt_ros.runtime.policy_model import load_policy
model = load_policy(sys.argv[1])
policy = StreamingPolicy(model.spec, model.params, model.norm)
with open("/proc/self/status") as status:
    kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
print(json.dumps({
    "rss_mb": kilobytes / 1024.0,
    "parameters": sum(tensor.size for tensor in model.params.values()),
    "parameter_bytes": sum(tensor.nbytes for tensor in model.params.values()),
}))
"""
_PACKAGES = ("numpy", "torch", "ncps", "torchdiffeq")


def machine() -> dict[str, Any]:
    """Processor, instruction set and versions; never the machine's name."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "instruction_set": instruction_set(),
        "torch_threads": torch.get_num_threads(),
        "load_average": os.getloadavg()[0],
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in _PACKAGES},
    }


def runtime_memory(model: Path) -> dict[str, Any]:
    """Resident memory [MB] of a process with the runtime and one model, and the model's size."""
    done = subprocess.run(
        [sys.executable, "-c", _RUNTIME_PROCESS, str(model)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout)


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
