"""Declaring a node's parameters from one table.

A node lists its parameters as `Parameter` rows (name, default, description, range, read-only);
`ParameterTable` declares them, checks every change as a whole and gives fast read access:

    TABLE = (
        Parameter('rate_hz', 100.0, 'Rate of fused_state [Hz].', 1.0, 1000.0, read_only=True),
        Parameter('camera_max_age_s', 0.2, 'Oldest usable camera frame [s].', 0.0, 10.0),
    )
    parameters = ParameterTable(node, TABLE)
    parameters['rate_hz']

Either all the values of one request are taken over or none, and a refusal names the reason. What
the start sets (parameter file, command line) must exist: a misspelt name is an error.
"""

import difflib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)

# What the ROS types bool, integer, double, string and their arrays look like in a table.
Value = bool | int | float | str | tuple


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    Arguments:
        name: the ROS name; a unit belongs in it (`timeout_s`).
        default: its value fixes the type; arrays are non-empty tuples, whose length is kept
            unless any_length.
        description: one sentence with the unit, shown by `ros2 param describe`.
        minimum, maximum: inclusive bounds of a number, or of each element of an array.
        read_only: True if it can only be set at start.
        choices: the values allowed, for strings.
        any_length: True if an array may have another length than its default.
    """

    name: str
    default: Value
    description: str
    minimum: float | None = None
    maximum: float | None = None
    read_only: bool = False
    choices: tuple[str, ...] = ()
    any_length: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """The ROS descriptor: description, range, read-only flag and other constraints."""
        descriptor = ParameterDescriptor(
            description=self.description,
            read_only=self.read_only,
            additional_constraints=self._constraints(),
        )
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if self.minimum is None and self.maximum is None:
            return descriptor
        if isinstance(self.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high))
            ]
        elif isinstance(self.default, int):
            descriptor.integer_range = [
                IntegerRange(
                    from_value=int(max(low, -(2**63))), to_value=int(min(high, 2**63 - 1))
                )
            ]
        return descriptor

    def refusal(self, value: Value) -> str:
        """Why `value` can't be taken, or an empty string if it can."""
        is_array = isinstance(self.default, tuple)
        if is_array and not self.any_length and len(value) != len(self.default):
            return f"{self.name} needs {len(self.default)} elements, not {len(value)}"
        for element in value if isinstance(value, tuple) else (value,):
            if isinstance(element, float) and not math.isfinite(element):
                return f"{self.name} must be finite, not {element}"
            if self.minimum is not None and element < self.minimum:
                return f"{self.name} must be at least {self.minimum}, not {element}"
            if self.maximum is not None and element > self.maximum:
                return f"{self.name} must be at most {self.maximum}, not {element}"
            if self.choices and element not in self.choices:
                return f"{self.name} must be one of {', '.join(self.choices)}, not {element!r}"
        return ""

    def _constraints(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if isinstance(self.default, tuple) and not isinstance(self.default[0], str):
            bounds = f"[{self.minimum}, {self.maximum}]"
            length = "any number of" if self.any_length else len(self.default)
            return f"{length} elements, each in {bounds} (None: no bound)"
        return ""


class ParameterTable(Mapping[str, Any]):
    """The declared parameters of one node, read like a dictionary.

    Arguments:
        node: the node that owns them.
        table: the rows to declare.
        changed: called with the new values {name: value} of one request after each of them was
            found valid and before they are stored; it applies them, or raises ValueError to
            refuse the whole request with that reason (before applying anything).

    Raises:
        ValueError: the start sets a parameter that the node does not have, or a value outside its
            range; names the parameter and the reason, or the parameter with the nearest name.
        rclpy.exceptions.InvalidParameterTypeException, InvalidParameterValueException: the same
            when rclpy finds it first.
    """

    def __init__(
        self,
        node: Any,
        table: Sequence[Parameter],
        changed: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._rows = {row.name: row for row in table}
        self._values: dict[str, Any] = {}
        self._changed = changed
        self._refuse_unknown(node)
        for row in table:
            default = list(row.default) if isinstance(row.default, tuple) else row.default
            declared = node.declare_parameter(row.name, default, row.descriptor())
            self._values[row.name] = _frozen(declared.value)
            if reason := row.refusal(self._values[row.name]):
                raise ValueError(reason)
        node.add_on_set_parameters_callback(self._on_set)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def _refuse_unknown(self, node: Any) -> None:
        # rclpy has resolved files, wildcards and namespaces by now, but offers no public access.
        given = node._parameter_overrides
        unknown = [n for n in given if n not in self._rows and not node.has_parameter(n)]
        if unknown:
            known = [*self._rows, "use_sim_time"]
            raise ValueError("; ".join(_unknown(name, known) for name in sorted(unknown)))

    def _on_set(self, requested: Sequence[Any]) -> SetParametersResult:
        changes = {p.name: _frozen(p.value) for p in requested if p.name in self._rows}
        reasons = [reason for n, v in changes.items() if (reason := self._rows[n].refusal(v))]
        if reasons:
            return SetParametersResult(successful=False, reason="; ".join(reasons))
        try:
            if self._changed is not None and changes:
                self._changed(changes)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._values.update(changes)
        return SetParametersResult(successful=True)


def _unknown(name: str, known: Sequence[str]) -> str:
    (nearest,) = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"there is no parameter {name}; the nearest is {nearest}"


def _frozen(value: Any) -> Value:
    return value if isinstance(value, bool | int | float | str) else tuple(value)
