"""Subscriptions that their node empties when it needs the messages, past the executor.

An executor of rclpy takes some 0.4 ms of processor time for each callback, most of it to wait and
wake; taking a message from its queue costs a tenth of that. It suits what is only looked at once
per tick anyway.
"""

from collections.abc import Iterator
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.subscription import Subscription


class PolledGroup(CallbackGroup):
    """The callback group of such subscriptions: no executor waits for them."""

    def can_execute(self, entity: Any) -> bool:
        """Never."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Never."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing was begun."""


def waiting_messages(subscription: Subscription) -> Iterator[Any]:
    """Take the messages in the subscription's queue, oldest first."""
    queue, kind = subscription.handle, subscription.msg_type
    with queue:
        while (taken := queue.take_message(kind, False)) is not None:
            yield taken[0]
