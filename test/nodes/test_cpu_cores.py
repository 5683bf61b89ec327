"""Binding a process to processor cores."""

import os
import subprocess
import sys

import pytest

from liquid_adapt_ros.nodes.cpu_cores import parse_cores

BIND = """
import os, threading
from pathlib import Path
from liquid_adapt_ros.nodes.cpu_cores import keep_to_cores
threading.Thread(target=threading.Event().wait, daemon=True).start()
missing = keep_to_cores({wanted})
threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
print(sorted(missing), len(threads), sorted(set().union(*map(os.sched_getaffinity, threads))))
"""
HERE = sorted(os.sched_getaffinity(0))
ABSENT = 4095


@pytest.mark.parametrize(
    ("text", "cores"),
    [("", set()), ("3", {3}), ("0,2", {0, 2}), ("0, 2-4", {0, 2, 3, 4}), ("1-1", {1})],
)
def test_a_list_of_cores_is_read_as_taskset_reads_it(text, cores):
    assert parse_cores(text) == cores


@pytest.mark.parametrize("text", ["a", "1-", "-1", "1,,2", "0x1", "1.5", "3-1"])
def test_what_is_no_list_of_cores_is_refused(text):
    with pytest.raises(ValueError, match=f"cpu_cores must be a list such as 0,2-3, not '{text}'"):
        parse_cores(text)


def bind(wanted: set[int]) -> str:
    """What a process with two threads that wants these cores gets: missing, threads, cores."""
    command = [sys.executable, "-c", BIND.format(wanted=wanted or "set()")]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


def test_every_thread_keeps_to_the_cores():
    assert bind({HERE[-1]}) == f"[] 2 [{HERE[-1]}]"


def test_cores_that_are_not_online_are_left_out():
    assert bind({HERE[0], ABSENT}) == f"[{ABSENT}] 2 [{HERE[0]}]"


@pytest.mark.parametrize("wanted", [set(), {ABSENT}])
def test_without_a_core_that_is_there_nothing_is_bound(wanted):
    assert bind(wanted) == f"{sorted(wanted)} 2 {HERE}"
