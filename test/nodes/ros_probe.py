"""The tests' own side of the conversation with nodes that run as processes."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python

from liquid_adapt_ros.nodes import qos


class Probe(Node):
    """Publishes, records what it receives and waits for conditions."""

    def __init__(self) -> None:
        super().__init__("probe")
        self._own_executor = SingleThreadedExecutor()
        self._own_executor.add_node(self)
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_status, qos.REPORT)

    def record(self, message_type: Any, topic: str, profile: Any) -> list[Any]:
        """Subscribe; returns the list that messages are appended to."""
        received: list[Any] = []
        self.create_subscription(message_type, topic, received.append, profile)
        return received

    def call(self, service_type: Any, name: str, request: Any, timeout_s: float = 10.0) -> Any:
        """Call a service and return its response.

        It is asked once more where no answer comes: the first one is lost where the server knows
        of the client's request before it knows where to send the answer.
        """
        client = self.create_client(service_type, name)
        assert self.spin_until(client.service_is_ready, timeout_s), f"no service {name}"
        for _ in range(2):
            future = client.call_async(request)
            if self.spin_until(future.done, timeout_s):
                break
        assert future.done(), f"no answer from {name}"
        self.destroy_client(client)
        return future.result()

    def set_parameters(self, node: str, values: Mapping[str, Any]) -> SetParametersResult:
        """Set parameters {name: value} of a node in one request, all or none."""
        parameters = [Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
        request = SetParametersAtomically.Request(parameters=parameters)
        service = f"{node}/set_parameters_atomically"
        return self.call(SetParametersAtomically, service, request).result

    def parameters(self, node: str, names: Iterable[str]) -> list[Any]:
        """The values that a node's parameters have now."""
        request = GetParameters.Request(names=list(names))
        values = self.call(GetParameters, f"{node}/get_parameters", request).values
        return [parameter_value_to_python(value) for value in values]

    def spin_for(self, duration_s: float) -> None:
        """Serve callbacks for a time."""
        self.spin_until(lambda: False, duration_s)

    def spin_until(self, condition: Callable[[], Any], timeout_s: float = 20.0) -> bool:
        """Serve callbacks until `condition()` is true; returns whether it became so."""
        end = time.monotonic() + timeout_s
        while not condition():
            left = end - time.monotonic()
            if left <= 0.0:
                return False
            self._own_executor.spin_once(timeout_sec=min(left, 0.02))
        return True

    def value(self, node: str, key: str) -> str:
        """The value of `key` in the newest status of `node`; "0" if it isn't there."""
        status = self.statuses.get(f"/{node}", DiagnosticStatus())
        return next((v.value for v in status.values if v.key == key), "0")

    def message(self, node: str) -> str:
        """The newest status message of `node`."""
        return self.statuses.get(f"/{node}", DiagnosticStatus()).message

    def _on_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = status


@contextmanager
def ros_probe() -> Iterator[Probe]:
    """A probe in the ROS domain of the environment."""
    rclpy.init()
    probe = Probe()
    try:
        yield probe
    finally:
        probe.destroy_node()
        rclpy.shutdown()


def maps_torch(pid: int) -> bool:
    """Whether a process has anything of torch mapped into its memory."""
    return "torch" in Path(f"/proc/{pid}/maps").read_text()
