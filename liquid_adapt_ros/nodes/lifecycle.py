"""The shape of every node here: a lifecycle node that starts itself, and a `main` for it.

A node derives from `ManagedNode`, hands over its parameter table and writes four plain methods
(`configure`, `activate`, `deactivate`, `cleanup`) that raise on failure. `spin_node` runs it:

    def main() -> int:
        return spin_node(SensorFusion)

SIGINT and SIGTERM deactivate and shut the node down (so that it can still publish a stop) and
end the process with exit code 0; a failure ends it with 1.
"""

import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from liquid_adapt_ros.nodes.cpu_cores import keep_to_cores, parse_cores
from liquid_adapt_ros.nodes.diagnostics import Diagnostics
from liquid_adapt_ros.nodes.parameters import Parameter, ParameterTable
from liquid_adapt_ros.nodes.start_order import WaitForActive

AUTOSTART = Parameter(
    "autostart",
    True,
    "True: configure and activate at start. False: wait for a lifecycle manager.",
    read_only=True,
)
START_AFTER = Parameter(
    "start_after",
    "",
    "With autostart: activate only when the node of this name is active; empty: at once.",
    read_only=True,
)
CPU_CORES = Parameter(
    "cpu_cores",
    "",
    "Processor cores that the process keeps to, such as 0,2-3; empty: all.",
    read_only=True,
)
# What every node has.
COMMON_PARAMETERS = (AUTOSTART, START_AFTER, CPU_CORES)
# Errors that a message explains well enough; anything else is logged with its traceback.
_EXPLAINED = (ValueError, OSError, RuntimeError)


class ManagedNode(LifecycleNode):
    """A lifecycle node with a parameter table (`self.parameters`) and `self.diagnostics`.

    Arguments:
        name: the node's default name.
        table: its parameters; COMMON_PARAMETERS are added.
        **node_options: passed to rclpy's Node (namespace, parameter_overrides, ...).
    """

    def __init__(self, name: str, table: Sequence[Parameter], **node_options: Any) -> None:
        super().__init__(name, **node_options)
        self.parameters = ParameterTable(
            self, (*COMMON_PARAMETERS, *table), self.parameters_changed
        )
        self.diagnostics = Diagnostics(self)
        self.is_active = False

    def configure(self) -> None:
        """Load files and make publishers (create_lifecycle_publisher); raise to fail."""

    def activate(self) -> None:
        """Start work (timers, subscriptions); publishers are enabled already; raise to fail."""

    def deactivate(self) -> None:
        """Stop work; publishers are still enabled, so that a last command can be sent.

        Called also after `activate` failed half-way.
        """

    def cleanup(self) -> None:
        """Undo `configure`; called also after it failed half-way, and at shutdown in any state."""

    def parameters_changed(self, changes: dict[str, Any]) -> None:
        """Apply new parameter values, or raise ValueError to refuse all of them.

        `self.parameters` still holds the old values; each new one is within its range.
        """

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `configure`; a failure leaves the node unconfigured."""
        return self._attempt("configure", self.configure, undo=self.cleanup)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Enable the publishers and run `activate`; a failure leaves the node inactive."""

        def activate() -> None:
            super(ManagedNode, self).on_activate(state)
            self.activate()
            self.is_active = True

        return self._attempt("activate", activate, undo=lambda: self._stop(state))

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `deactivate`, then disable the publishers."""
        return self._attempt("deactivate", lambda: self._stop(state))

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `cleanup`."""
        return self._attempt("cleanup", self.cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate if active, then clean up."""

        def shutdown() -> None:
            if self.is_active:
                self._stop(state)
            self.cleanup()

        return self._attempt("shutdown", shutdown)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and return to unconfigured, from where the node can be configured again."""
        return self.on_shutdown(state)

    def _stop(self, state: LifecycleState) -> None:
        self.is_active = False
        try:
            self.deactivate()
        finally:
            super().on_deactivate(state)

    def _attempt(
        self, transition: str, action: Callable[[], None], undo: Callable[[], None] | None = None
    ) -> TransitionCallbackReturn:
        try:
            action()
        except Exception as error:  # rclpy would swallow it without a word
            detail = str(error) if isinstance(error, _EXPLAINED) else traceback.format_exc()
            self.get_logger().error(f"could not {transition}: {detail}")
            if undo is not None:
                self._attempt(f"undo {transition}", undo)
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(f"{transition} done")
        return TransitionCallbackReturn.SUCCESS


class _StopSignal:
    """SIGINT and SIGTERM as a flag that also wakes the executor.

    rclpy's own handlers shut the context down before a node can publish a last command, and a
    Python handler doesn't run while the executor waits in C; the wake-up descriptor does both.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._wake: Callable[[], Any] = lambda: None
        self._requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._listen, name="stop_signal", daemon=True).start()

    def __bool__(self) -> bool:
        return self._requested

    def wake_by(self, wake: Callable[[], Any]) -> None:
        """Call `wake` (from another thread) when a signal arrives."""
        self._wake = wake

    def ignore(self) -> None:
        """Take no notice of signals from now on: the node is ending.

        Ctrl-C reaches a launched node twice, from the terminal and from `ros2 launch`; the second
        would kill Python while it finishes.
        """
        self._wake = lambda: None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _listen(self) -> None:
        while number := self._reader.recv(1):
            if number[0] in (signal.SIGINT, signal.SIGTERM):
                self._requested = True
                self._wake()


def spin_node(factory: Callable[[], ManagedNode]) -> int:
    """Run the node that `factory` makes until a signal or a failure; returns the exit code."""
    stop = _StopSignal()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = factory()
        _keep_to_cores(node)
    except (ValueError, InvalidParameterTypeException, InvalidParameterValueException) as error:
        print(f"bad parameter: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    stop.wake_by(lambda: executor.create_task(lambda: None))
    exit_code = 0
    try:
        if node.parameters["autostart"]:
            _start(node)
        while not stop:
            executor.spin_once()
    except ExternalShutdownException:
        pass
    except _NotStarted:
        exit_code = 1
    except Exception:
        node.get_logger().fatal(traceback.format_exc())
        exit_code = 1
    finally:
        stop.ignore()
        if rclpy.ok():
            node.trigger_shutdown()
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return exit_code


def _keep_to_cores(node: ManagedNode) -> None:
    wanted = parse_cores(node.parameters["cpu_cores"])
    if missing := keep_to_cores(wanted):
        names = ", ".join(map(str, sorted(missing)))
        node.get_logger().warning(f"cpu_cores: no core {names} is online here")


class _NotStarted(Exception):
    """A transition at start failed; the node has said why."""


def _start(node: ManagedNode) -> None:
    if node.trigger_configure() != TransitionCallbackReturn.SUCCESS:
        raise _NotStarted
    if earlier := node.parameters["start_after"]:
        WaitForActive(node, earlier, lambda: _activate(node))
    else:
        _activate(node)


def _activate(node: ManagedNode) -> None:
    if not node.is_active and node.trigger_activate() != TransitionCallbackReturn.SUCCESS:
        raise _NotStarted
