"""A ROS domain of one's own, so that two demos or tests on one machine never hear each other.

Participants of domain d listen on UDP ports 7400 + 250 d + {0, 1, 10, 11, 12, ...} (DDSI-RTPS
specification 2.5, section 9.6.2.4); + 10 is the first participant's. The ports + 2 to + 9 are
never used by DDS: holding one of them reserves the domain among users of this module.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

# Higher domains reach into Linux's range of ephemeral ports.
HIGHEST_DOMAIN = 101
_RESERVATION_OFFSET = 2
_FIRST_PARTICIPANT_OFFSET = 10


def _port(domain: int, offset: int) -> int:
    return 7400 + 250 * domain + offset


def _bind(port: int) -> socket.socket | None:
    candidate = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        candidate.bind(("", port))
    except OSError:
        candidate.close()
        return None
    return candidate


@contextmanager
def free_domain() -> Iterator[int]:
    """Reserve a domain in which nobody on this machine takes part, while the context lasts.

    Raises:
        RuntimeError: every domain is taken.
    """
    for domain in range(HIGHEST_DOMAIN, 0, -1):
        reservation = _bind(_port(domain, _RESERVATION_OFFSET))
        if reservation is None:
            continue
        with reservation:
            probe = _bind(_port(domain, _FIRST_PARTICIPANT_OFFSET))
            if probe is not None:
                probe.close()
                yield domain
                return
    raise RuntimeError(f"no free ROS domain among 1..{HIGHEST_DOMAIN}")


def domain_environment(domain: int) -> dict[str, str]:
    """The environment variables that keep DDS in `domain` and on this machine."""
    environment = {"ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    if os.environ.get("ROS_DISTRO") == "humble":  # which does not know the variable above
        environment["ROS_LOCALHOST_ONLY"] = "1"
    return environment
