"""A scenario: an episode's nominal conditions and the disturbances that come over time.

The YAML file (config/scenarios/) has
    name: demo
    description: one line for people
    nominal: {belt: {speed_m_s: 0.15}}          # overrides of EpisodeConfig, optional
    changes:                                    # in order of time, optional
      - at_s: 20.0
        set: {belt_speed_scale: 1.6}            # fields of Disturbances; what was set stays
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from liquid_adapt_ros.sim.config import ConfigError, EpisodeConfig, require
from liquid_adapt_ros.sim.disturbance import Disturbances, require_known

KEYS = ("name", "description", "nominal", "changes")
CHANGE_KEYS = ("at_s", "set")
LAST_CHANGE_S = 86400.0
UNDISTURBED = Disturbances()


@dataclass(frozen=True)
class Change:
    """From at_s on these disturbances hold."""

    at_s: float
    disturbances: Disturbances


@dataclass(frozen=True)
class Scenario:
    """Nominal overrides {part: {field: value}} and the changes, in order of time."""

    name: str = "nominal"
    description: str = ""
    nominal: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    def episode_config(self, base: EpisodeConfig) -> EpisodeConfig:
        """The base with this scenario's overrides."""
        return base.with_overrides(self.nominal)

    def disturbances_at(self, time_s: float) -> Disturbances:
        """What holds at time_s since the start of the episode."""
        index = bisect_right(self.changes, time_s, key=lambda change: change.at_s)
        return self.changes[index - 1].disturbances if index else UNDISTURBED

    @property
    def first_change_s(self) -> float | None:
        """When the first change comes; None if none does."""
        return self.changes[0].at_s if self.changes else None

    @classmethod
    def from_mapping(cls, content: object) -> "Scenario":
        """Build from what the YAML file holds. Raises ConfigError saying what is wrong where."""
        content = _mapping("a scenario", content)
        require_known("scenario key", content, KEYS)
        if not isinstance(content.get("name"), str):
            raise ConfigError(f"name = {content.get('name')!r}: a scenario must have a name")
        nominal = _mapping("nominal", content.get("nominal") or {})
        for part, overrides in nominal.items():
            _mapping(f"nominal.{part}", overrides)
        EpisodeConfig().with_overrides(nominal)
        return cls(
            name=content["name"],
            description=str(content.get("description", "")),
            nominal=nominal,
            changes=_changes(content.get("changes") or []),
        )

    @classmethod
    def load(cls, path: str | Path) -> "Scenario":
        """Read a YAML file. Raises ConfigError naming the file, also if it cannot be read."""
        try:
            return cls.from_mapping(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, ConfigError) as error:
            raise ConfigError(f"scenario {path}: {error}") from error


def _changes(entries: object) -> tuple[Change, ...]:
    if not isinstance(entries, list):
        raise ConfigError(f"changes = {entries!r}: must be a list of {{at_s, set}}")
    changes: list[Change] = []
    disturbances = UNDISTURBED
    for index, entry in enumerate(entries):
        where = f"changes[{index}]"
        entry = _mapping(where, entry)
        require_known(f"{where} key", entry, CHANGE_KEYS)
        at_s = entry.get("at_s")
        if isinstance(at_s, bool) or not isinstance(at_s, (int, float)):
            raise ConfigError(f"{where}.at_s = {at_s!r}: must be a time in seconds")
        require(f"{where}.at_s", at_s, 0.0, LAST_CHANGE_S)
        if changes and at_s <= changes[-1].at_s:
            raise ConfigError(f"{where}.at_s = {at_s}: must be after {changes[-1].at_s}")
        try:
            disturbances = disturbances.replaced(_mapping("set", entry.get("set")))
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error
        changes.append(Change(float(at_s), disturbances))
    return tuple(changes)


def _mapping(what: str, value: object) -> Mapping:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{what} = {value!r}: must be a mapping of names to values")
    return value
