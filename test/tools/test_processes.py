"""Jobs in a few processes."""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from liquid_adapt_ros.tools.pretrain.processes import in_processes

LONG_WORK = """
import functools, os, time
from liquid_adapt_ros.tools.pretrain.processes import in_processes
for result in in_processes([os.getpid, functools.partial(time.sleep, 600)], 1):
    print(result, flush=True)
"""


def test_results_of_all_jobs_come():
    workers = list(in_processes([os.getpid] * 5, 2))
    assert len(workers) == 5
    assert os.getpid() not in workers


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_one_who_wants_their_results(by):
    process = subprocess.Popen([sys.executable, "-c", LONG_WORK], stdout=subprocess.PIPE)
    worker = int(process.stdout.readline())
    watched = os.pidfd_open(worker)  # is readable when the process has ended
    try:
        process.send_signal(by)
        process.wait(timeout=60)
        ended, _, _ = select.select([watched], [], [], 60)
        assert ended
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(watched, signal.SIGKILL)
        os.close(watched)
        process.stdout.close()
