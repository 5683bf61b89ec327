"""Leading a lifecycle node through its transitions."""

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE


class LifecycleClient:
    """Asks the lifecycle node `node_name` for transitions, from a node of its own in `context`."""

    def __init__(self, context: Context, node_name: str):
        self._node = Node("demo_starter", context=context, start_parameter_services=False)
        self._client = self._node.create_client(ChangeState, f"{node_name}/change_state")
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._answer: Future | None = None

    def is_ready(self) -> bool:
        """Whether the node is there."""
        return self._client.service_is_ready()

    def request(self, transition: int) -> None:
        """Ask for a transition: CONFIGURE or ACTIVATE."""
        request = ChangeState.Request(transition=Transition(id=transition))
        self._answer = self._client.call_async(request)

    def is_answered(self) -> bool:
        """Whether the answer to the last request has come."""
        self._executor.spin_once(timeout_sec=0.0)
        return self._answer.done()

    def succeeded(self) -> bool:
        """Whether the node made the transition of the last request, once it is answered."""
        return self._answer.result().success

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self._node.destroy_node()
