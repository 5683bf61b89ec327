"""The example of docs/subscriber.md runs as it stands there, beside a real lnn_inference."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from policy_drivers import Observations

PAGE = Path(__file__).resolve().parents[2] / "docs" / "subscriber.md"


@pytest.fixture
def listener(tmp_path):
    """The example's process, with what it prints in the file `output`."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "listener.py").write_text(code, encoding="utf-8")
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "listener.py")], stdout=output, stderr=output
        )
    process.printed = (tmp_path / "output").read_text
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def test_the_documented_subscriber_prints_predictions_and_stops(
    probe, model, start_node, listener
):
    start_node("lnn_inference", {"use_sim_time": True, "model_file": str(model.model_path)})
    observations = Observations(probe, model)
    assert probe.spin_until(
        lambda: listener.printed().count("weights 0: in 0.3 s the object is at (") >= 2
    ), listener.printed()
    assert "m in base_link; joints " in listener.printed()
    observations.alter = lambda message: None
    assert probe.spin_until(lambda: "stopping: no fused_state for" in listener.printed())
    listener.send_signal(signal.SIGINT)
    assert listener.wait(10.0) == 0, listener.printed()
