"""Who wants learning to pause: an operator, or a hand that leads the robot."""

from collections.abc import Callable

from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from liquid_adapt_ros.nodes import qos


class LearningPauses:
    """Learning pauses while one of `~/pause` and `hand_guided` wants it to.

    Args:
        node: that they are of.
        pause: gets the reasons there are, in one text; "": there is none left.
    """

    def __init__(self, node: Node, pause: Callable[[str], None]):
        self._node, self._pause = node, pause
        self._reasons: set[str] = set()

    def open(self) -> None:
        """Offer the service, and listen."""
        self._service = self._node.create_service(SetBool, "~/pause", self._on_pause)
        self._subscription = self._node.create_subscription(
            Bool, "hand_guided", self._on_hand_guided, qos.MODE
        )

    def close(self) -> None:
        """Stop that; what pauses stays paused."""
        self._node.destroy_service(self._service)
        self._node.destroy_subscription(self._subscription)

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """True: learn nothing. False: go on."""
        reasons = self._set("paused on request", request.data)
        response.success = True
        response.message = f"learning is paused: {reasons}" if reasons else "learning goes on"
        return response

    def _on_hand_guided(self, message: Bool) -> None:
        self._set("the robot is led by hand", message.data)

    def _set(self, reason: str, holds: bool) -> str:
        """Returns the reasons that there are."""
        if holds:
            self._reasons.add(reason)
        else:
            self._reasons.discard(reason)
        reasons = ", ".join(sorted(self._reasons))
        self._pause(reasons)
        return reasons
