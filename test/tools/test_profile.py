"""profile_model: its tables, and the nodes that it finds."""

import os
import subprocess
import sys

import pytest
from tiny_model import write_tiny_model

from liquid_adapt_ros.tools.profile.__main__ import main
from liquid_adapt_ros.tools.profile.processes import memory_of, node_memory, node_of_command


@pytest.mark.parametrize(
    ("command", "node"),
    [
        (
            ["/usr/bin/python3", "/opt/lib/liquid_adapt_ros/lnn_inference", "--ros-args"],
            "lnn_inference",
        ),
        (["python", "-m", "liquid_adapt_ros.nodes.online_trainer"], "online_trainer"),
        (["python", "-m", "liquid_adapt_ros.tools.profile"], None),
        (["python", "/opt/lib/liquid_adapt_ros/export_model"], None),
        (["python", "/opt/lib/another_package/lnn_inference"], None),
        (["vi", "liquid_adapt_ros/nodes/lnn_inference.py"], None),
        (["python", "-m"], None),
        ([], None),
    ],
)
def test_a_node_is_known_by_its_command_line(command, node):
    assert node_of_command(command) == node


def test_memory_is_that_of_the_process():
    block_mb = 60
    script = f"block = bytearray({block_mb} * 10**6); print('ready', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        memory = memory_of("sensor_fusion", process.pid)
        process.stdin.write("\n")
    assert block_mb < memory.pss_mb <= memory.rss_mb < block_mb + 60
    assert not memory.torch


def test_a_process_that_maps_torch_is_told_from_one_that_does_not():
    assert "torch" in sys.modules
    assert memory_of("online_trainer", os.getpid()).torch


def test_running_nodes_are_found_with_their_memory(start_node, tmp_path):
    model = write_tiny_model(tmp_path)
    node = start_node("lnn_inference", {"model_file": str(model.model_path)})
    node.wait_for_output("activate done")
    (found,) = [memory for memory in node_memory() if memory.pid == node.process.pid]
    assert found.node == "lnn_inference" and not found.torch
    assert 10.0 < found.pss_mb <= found.rss_mb < 1000.0


def test_every_table_is_printed(tmp_path, capsys, exported_model):
    step = exported_model.folder / "policy_step.onnx"
    assert main(["--core-file", str(step), "--window", "0.2"]) == 0
    printed = capsys.readouterr().out
    for title in (
        "Encoder, one picture",
        "Core and head, window of 0.2 s, forward",
        "Core and head, window of 0.2 s, training step",
        "core and head, compiled",
        "core and head, ONNX Runtime",
    ):
        assert title in printed
    assert "convolution" in printed and "_KernelWindowBackward" in printed


def test_an_encoder_without_a_torch_form_is_said_and_the_rest_is_printed(tmp_path, capsys):
    model = write_tiny_model(tmp_path)
    files = ["--model", str(model.model_path), "--encoder", str(model.encoder_path)]
    assert main([*files, "--window", "0.1"]) == 0
    printed = capsys.readouterr().out
    assert "The encoder has no torch form to profile: not a ConveyorEncoder" in printed
    assert "training step" in printed


def test_a_file_that_is_no_model_is_named(tmp_path, capsys):
    (tmp_path / "noise").write_bytes(b"noise")
    assert main(["--model", str(tmp_path / "noise")]) == 1
    assert str(tmp_path / "noise") in capsys.readouterr().err
