"""What the launch scenarios share: what is launched, and a node that listens to a robot."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import rclpy
import yaml
from geometry_msgs.msg import TwistStamped
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.client import Client
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Float64MultiArray, String

from liquid_adapt_ros.msg import AdaptationStatus, PolicyAction, WeightUpdate
from liquid_adapt_ros.nodes import qos
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.stack import parameter_file

# A launched stack imports torch, loads models, and does so beside others.
START_TIMEOUT_S = 90.0
_held = ExitStack()  # the folders of parameter files, until this process ends


def parameters_of(preset: str, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """A parameter file: that of a preset with `changes` {node: {name: value}}."""
    content = yaml.safe_load(parameter_file(preset).read_text(encoding="utf-8"))
    for node, values in changes.items():
        content[f"/**/{node}"]["ros__parameters"].update(values)
    path = Path(_held.enter_context(TemporaryDirectory())) / "parameters.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def launch_file(name: str, **arguments: str) -> GroupAction:
    """The launch file of that name, with its own scope of arguments."""
    path = share_folder() / "launch" / f"{name}.launch.py"
    source = PythonLaunchDescriptionSource(str(path))
    return GroupAction([IncludeLaunchDescription(source, launch_arguments=arguments.items())])


def process_of(executable: str) -> psutil.Process | None:
    """The launched process of one of the package's executables; None if there is none."""
    for process in psutil.Process().children(recursive=True):
        try:
            names = [Path(argument).name for argument in process.cmdline()]
        except psutil.Error:  # it has ended meanwhile
            continue
        if executable in names:
            return process
    return None


class RobotListener:
    """Records, in a thread of its own, what the nodes in `namespace` publish; asks them things.

    Attributes:
        actions: every PolicyAction, with the time of its arrival [s].
        updates, statuses: every WeightUpdate and AdaptationStatus.
        truth: the newest sim/truth, as JSON text.
        arm, base: the newest command to each.
    """

    def __init__(self, namespace: str = "") -> None:
        self.actions: list[tuple[float, PolicyAction]] = []
        self.updates: list[WeightUpdate] = []
        self.statuses: list[AdaptationStatus] = []
        self.truth = String()
        self.arm, self.base = Float64MultiArray(), TwistStamped()
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node("listener", namespace=namespace, context=self._context)
        # Every action counts: 2 s of them may wait while this process does something else.
        stream = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
        for kind, topic, take, profile in (
            (PolicyAction, "policy_action", self._take_action, stream),
            (WeightUpdate, "weight_update", self.updates.append, qos.WEIGHT_UPDATE),
            (AdaptationStatus, "adaptation_status", self.statuses.append, qos.REPORT),
            (String, "sim/truth", self._take_truth, qos.REPORT),
            (Float64MultiArray, "joint_velocity_controller/commands", self._take_arm, qos.COMMAND),
            (TwistStamped, "cmd_vel", self._take_base, qos.COMMAND),
        ):
            self.node.create_subscription(kind, topic, take, profile)
        self._clients: dict[str, Client] = {}
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the graph."""
        self._context.shutdown()
        self._thread.join()
        self.node.destroy_node()

    def wait(self, what: str, condition: Callable[[], Any], timeout_s: float = 30.0) -> Any:
        """Return `condition()` as soon as it is true; fail after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while not (result := condition()):
            assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
            time.sleep(0.02)
        return result

    def is_active(self, node: str, timeout_s: float = 1.0) -> bool:
        """Whether the lifecycle node is active; False also when it does not answer."""
        answer = self._ask(GetState, f"{node}/get_state", GetState.Request(), timeout_s)
        return answer is not None and answer.current_state.id == State.PRIMARY_STATE_ACTIVE

    def deactivate(self, node: str) -> None:
        """Deactivate a lifecycle node; fail if it refuses."""
        transition = Transition(id=Transition.TRANSITION_DEACTIVATE)
        request = ChangeState.Request(transition=transition)
        answer = self._ask(ChangeState, f"{node}/change_state", request, timeout_s=10.0)
        assert answer is not None and answer.success, f"{node} was not deactivated"

    def set_parameters(self, node: str, values: Mapping[str, Any]) -> None:
        """Set parameters {name: value}; fail if they are refused."""
        parameters = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        request = SetParametersAtomically.Request(parameters=parameters)
        service = f"{node}/set_parameters_atomically"
        answer = self._ask(SetParametersAtomically, service, request, timeout_s=10.0)
        assert answer is not None, f"{node} does not answer"
        assert answer.result.successful, answer.result.reason

    def actions_between(self, start_s: float, end_s: float) -> list[PolicyAction]:
        """The actions that arrived in a span of time.time()."""
        return [action for at_s, action in list(self.actions) if start_s <= at_s <= end_s]

    def action_rate_hz(self, duration_s: float) -> float:
        """How many actions a second arrive from now on, measured over `duration_s`."""
        start_s, end_s = time.time(), time.time() + duration_s
        self.wait("a later action", lambda: self.actions[-1][0] > end_s, duration_s + 10.0)
        return len(self.actions_between(start_s, end_s)) / duration_s

    def longest_silence_s(self, start_s: float, end_s: float) -> float:
        """The longest time without a PolicyAction in a span of time.time() [s]."""
        inside = [at_s for at_s, _ in list(self.actions) if start_s <= at_s <= end_s]
        times = [start_s, *inside, end_s]
        return max(later - earlier for earlier, later in zip(times, times[1:], strict=False))

    def _ask(self, kind: Any, service: str, request: Any, timeout_s: float) -> Any:
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        client = self._clients[service]
        deadline = time.monotonic() + timeout_s
        if not client.wait_for_service(timeout_s):
            return None
        future = client.call_async(request)
        while not future.done() and time.monotonic() < deadline:
            time.sleep(0.01)
        return future.result() if future.done() else None

    def _spin(self) -> None:
        try:
            while self._context.ok():
                self._executor.spin_once(timeout_sec=0.2)
        except ExternalShutdownException:
            pass

    def _take_action(self, message: PolicyAction, info: dict[str, int]) -> None:
        self.actions.append((info["received_timestamp"] / 1e9, message))

    def _take_truth(self, message: String) -> None:
        self.truth = message

    def _take_arm(self, message: Float64MultiArray) -> None:
        self.arm = message

    def _take_base(self, message: TwistStamped) -> None:
        self.base = message
