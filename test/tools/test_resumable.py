"""Long commands are cut off as a user does it."""

import os
import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("command", "bar"),
    [
        ("adaptation --quick --processes 1 --seeds 1 --out {0}", "streams"),
        ("pretrain --processes 1 --work {0}/work --models {0}", "episodes"),
    ],
)
def test_ctrl_c_ends_it_at_once_and_says_how_to_go_on(command, bar, tmp_path):
    module, *options = command.format(tmp_path).split()
    process = subprocess.Popen(
        [sys.executable, "-m", f"liquid_adapt_ros.tools.{module}", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"COLUMNS": "100", "FORCE_COLOR": "1", "TERM": "xterm"},
    )
    said = ""
    while bar not in said and (character := process.stdout.read(1)):
        said += character
    os.killpg(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in errors
