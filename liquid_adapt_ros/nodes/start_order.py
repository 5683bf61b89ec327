"""A node that activates itself once another one is active, so that a stack comes up in order."""

import time
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.clock import Clock, ClockType
from rclpy.task import Future

_PERIOD_S = 0.1
# An answer that takes longer will not come: the node that was asked has died since.
_PATIENCE_S = 1.0
_LOG_PERIOD_S = 10.0


class WaitForActive:
    """Calls `then` once, from the executor, when the lifecycle node `name` is active.

    Nothing is held up meanwhile, and real time counts, also while simulated time stands still.

    Arguments:
        node: asks, from its own executor.
        name: of the other node, relative to the namespace of this one.
        then: what waits for it.
    """

    def __init__(self, node: Any, name: str, then: Callable[[], None]) -> None:
        self._node, self._name, self._then = node, name, then
        self._client = node.create_client(GetState, f"{name}/get_state")
        self._asked: Future | None = None
        self._asked_at_s = 0.0
        self._logged_at_s = time.monotonic()
        self._timer = node.create_timer(
            _PERIOD_S, self._on_timer, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )

    def _on_timer(self) -> None:
        now_s = time.monotonic()
        if self._asked is not None and self._asked.done():
            if self._asked.result().current_state.id == State.PRIMARY_STATE_ACTIVE:
                self._node.destroy_timer(self._timer)
                self._node.destroy_client(self._client)
                self._then()
                return
            self._asked = None
        elif self._asked is not None and now_s - self._asked_at_s > _PATIENCE_S:
            self._client.remove_pending_request(self._asked)
            self._asked = None
        if self._asked is None and self._client.service_is_ready():
            self._asked, self._asked_at_s = self._client.call_async(GetState.Request()), now_s
        if now_s - self._logged_at_s >= _LOG_PERIOD_S:
            self._logged_at_s = now_s
            self._node.get_logger().warning(f"still waiting for {self._name} to be active")
