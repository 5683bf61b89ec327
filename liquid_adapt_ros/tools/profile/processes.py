"""Memory of the running nodes of this package, as Linux accounts for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil

from liquid_adapt_ros.share import PACKAGE
from liquid_adapt_ros.tools.stack import STACK

_NODES = {node.executable for node in STACK}


@dataclass(frozen=True)
class NodeMemory:
    """Memory of one node's process.

    Attributes:
        node: its executable.
        pid: its process.
        rss_mb: resident set size [MB = 10^6 bytes].
        pss_mb: proportional set size: as RSS, but a page that n processes share counts 1/n [MB].
        torch: whether anything of torch is mapped.
    """

    node: str
    pid: int
    rss_mb: float
    pss_mb: float
    torch: bool


def node_memory() -> list[NodeMemory]:
    """Return the nodes that run now and may be looked at, in the order of the stack."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        node = node_of_command(process.info["cmdline"] or [])
        if node is not None:
            try:
                found.append(memory_of(node, process.pid))
            except OSError:  # ended meanwhile, or another user's
                continue
    order = [node.executable for node in STACK]
    return sorted(found, key=lambda memory: (order.index(memory.node), memory.pid))


def node_of_command(command: Sequence[str]) -> str | None:
    """The executable of this package that a command line runs as a node; None for any other."""
    for argument, following in pairwise([*command, ""]):
        module = following.removeprefix(f"{PACKAGE}.nodes.")
        if argument == "-m" and module != following and module in _NODES:
            return module
        path = Path(argument)
        if path.parent.name == PACKAGE and path.name in _NODES:
            return path.name
    return None


def memory_of(node: str, pid: int) -> NodeMemory:
    """Read the memory of a process; raises OSError where it can't be read."""
    folder = Path("/proc") / str(pid)
    kib = {}
    for line in (folder / "smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        kib[name] = int(value.split()[0])
    return NodeMemory(
        node,
        pid,
        rss_mb=kib["Rss"] * 1.024e-3,
        pss_mb=kib["Pss"] * 1.024e-3,
        torch="/torch/" in (folder / "maps").read_text(),
    )
