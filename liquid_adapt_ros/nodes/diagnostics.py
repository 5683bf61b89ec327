"""What a node says about its health on /diagnostics.

Three kinds of news make up the one status of a node:
- `count(problem)`: something happened once (a message was dropped). Counted for ever, named while
  it is recent.
- `raise_condition(name, level, message)` / `clear_condition(name)`: something lasts (input stale).
- `figure(name, value)`: a number worth seeing.

Problems and conditions are also logged, each at most every `LOG_PERIOD_S`.
"""

import time
from collections import Counter
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType

from liquid_adapt_ros.nodes import qos

LOG_PERIOD_S = 5.0

OK = DiagnosticStatus.OK
WARN = DiagnosticStatus.WARN
ERROR = DiagnosticStatus.ERROR


class Diagnostics:
    """Publishes one DiagnosticStatus for `node` every `period_s` of real time, and at once when
    a condition makes the status worse.

    The timer runs on a steady clock: a simulator that stopped its /clock doesn't silence it.
    """

    def __init__(self, node: Any, period_s: float = 1.0) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", qos.REPORT)
        self._timer = node.create_timer(
            period_s, self._report, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._counts: Counter[str] = Counter()
        self._recent: dict[str, str] = {}
        self._conditions: dict[str, tuple[bytes, str]] = {}
        self._figures: dict[str, Any] = {}
        self._logged_at: dict[str, float] = {}
        self._published_level = OK

    def count(self, problem: str, detail: str = "", times: int = 1) -> None:
        """Count a `problem` (a short fixed name; `detail` says what was seen)."""
        self._counts[problem] += times
        text = f"{problem}: {detail}" if detail else problem
        self._recent[problem] = text
        self._warn(problem, f"{text} ({self._counts[problem]} so far)")

    def tally(self, event: str) -> None:
        """Count an `event` that is no problem: shown among the figures, no warning."""
        self._counts[event] += 1

    def counted(self, problem: str) -> int:
        """How often `problem` was counted."""
        return self._counts[problem]

    def raise_condition(self, name: str, level: bytes, message: str) -> None:
        """State that the lasting condition `name` holds, at WARN or ERROR."""
        self._conditions[name] = (level, message)
        self._warn(name, message)
        if level > self._published_level:
            self.publish()

    def clear_condition(self, name: str) -> None:
        """State that the condition `name` no longer holds."""
        self._conditions.pop(name, None)

    def figure(self, name: str, value: Any) -> None:
        """Set the value shown for `name`; floats are shown with 6 significant digits."""
        self._figures[name] = value

    def publish(self) -> None:
        """Publish the status now."""
        status = DiagnosticStatus(
            name=self._node.get_fully_qualified_name(),
            level=max([level for level, _ in self._conditions.values()], default=OK),
            message="; ".join(
                [message for _, message in self._conditions.values()] + list(self._recent.values())
            ),
        )
        if self._recent and status.level == OK:
            status.level = WARN
        status.message = status.message or "ok"
        status.values = [
            KeyValue(key=key, value=f"{value:.6g}" if isinstance(value, float) else str(value))
            for key, value in (*self._figures.items(), *self._counts.items())
        ]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._published_level = status.level
        self._publisher.publish(message)

    def _warn(self, about: str, text: str) -> None:
        now = time.monotonic()
        if now - self._logged_at.get(about, -LOG_PERIOD_S) >= LOG_PERIOD_S:
            self._logged_at[about] = now
            self._node.get_logger().warning(text)

    def _report(self) -> None:
        self.publish()
        self._recent.clear()
