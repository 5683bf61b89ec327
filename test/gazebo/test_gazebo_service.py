"""Calls to Gazebo's set_pose through its command line."""

import numpy as np
import pytest
from fake_command_line import FAILURE, NO, YES, FakeCommandLine

from liquid_adapt_ros.nodes.gazebo_service import PlacementService
from liquid_adapt_ros.sim.gazebo_cell import Placement

PLACEMENT = Placement("object_3", np.array((-1.15, 0.5, 0.43)), np.pi / 2)


def failures_of_a_call(service):
    said = service.place(PLACEMENT).result(timeout=20.0)
    failures = service.take_failures()
    assert failures == ([said] if said else [])
    assert service.take_failures() == []
    service.close()
    return failures


@pytest.mark.parametrize(
    ("simulator", "program", "messages"),
    [("harmonic", "gz", "gz.msgs"), ("fortress", "ign", "ignition.msgs")],
)
def test_the_call_names_world_object_pose_and_types(
    tmp_path, monkeypatch, simulator, program, messages
):
    gazebo = FakeCommandLine(tmp_path, program, YES)
    monkeypatch.setenv("PATH", gazebo.path)
    service = PlacementService(simulator, "conveyor")
    assert failures_of_a_call(service) == []
    (call,) = gazebo.calls
    assert call[:3] == ["service", "-s", "/world/conveyor/set_pose"]
    assert call[call.index("--reqtype") + 1] == f"{messages}.Pose"
    assert call[call.index("--reptype") + 1] == f"{messages}.Boolean"
    assert call[call.index("--req") + 1] == (
        'name: "object_3", position: {x: -1.150000, y: 0.500000, z: 0.430000}, '
        "orientation: {z: 0.707106781, w: 0.707106781}"
    )


@pytest.mark.parametrize(("ending", "said"), [(NO, "data: false"), (FAILURE, "timed out")])
def test_a_refusal_names_the_object_and_what_gazebo_said(tmp_path, monkeypatch, ending, said):
    gazebo = FakeCommandLine(tmp_path, "gz", ending)
    monkeypatch.setenv("PATH", gazebo.path)
    service = PlacementService("harmonic", "conveyor")
    (failure,) = failures_of_a_call(service)
    assert "object_3" in failure
    assert said in failure


def test_the_reason_is_told_also_when_the_command_line_complains_of_something_else(
    tmp_path, monkeypatch
):
    ending = "echo 'Library error: no backtraces' >&2; echo 'Service call timed out'"
    gazebo = FakeCommandLine(tmp_path, "ign", ending)
    monkeypatch.setenv("PATH", gazebo.path)
    (failure,) = failures_of_a_call(PlacementService("fortress", "conveyor"))
    assert "Service call timed out" in failure


def test_a_gazebo_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"simulator = harmonic.*'gz' is not on the PATH"):
        PlacementService("harmonic", "conveyor")
