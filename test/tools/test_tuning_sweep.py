"""The sweep of the tuning guide: what is turned, one run of it, and what is made of the runs."""

import json
import re

import numpy as np
import pytest

from liquid_adapt_ros.nodes.trainer_parameters import PARAMETERS as DECLARED
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.tools.adaptation.disturbances import TUNING, Split, by_world
from liquid_adapt_ros.tools.adaptation.scores import PHASES
from liquid_adapt_ros.tools.adaptation.streams import record_streams
from liquid_adapt_ros.tools.adaptation.suite import NOTHING, Suite
from liquid_adapt_ros.tools.adaptation.sweep import (
    DEFAULT,
    DISTURBANCES,
    PARAMETERS,
    Sweep,
    write_report,
)

SECONDS = 4.0
ROWS = {row.name: row for row in DECLARED}
each_turned = pytest.mark.parametrize("turned", PARAMETERS, ids=lambda turned: turned.name)


def made_sweep(folder, seeds=(100, 101)) -> Sweep:
    disturbances = tuple(item for item in TUNING.disturbances if item.name in DISTURBANCES)
    suite = Suite(
        streams=folder / "streams",
        figures=folder / "runs",
        models=share_folder() / "models",
        split=Split("made up", seeds, disturbances),
        methods=(),
        closed_loop_seeds=(),
        with_oracle=False,
        with_faults=False,
    )
    return Sweep(suite)


@each_turned
def test_what_is_turned_is_a_parameter_of_the_trainer_around_its_default(turned):
    row = ROWS[turned.name]
    assert turned.value(1.0) == row.default
    assert list(turned.factors) == sorted(turned.factors) and len(set(turned.factors)) >= 3
    assert 1.0 in turned.factors
    assert all(row.refusal(turned.value(factor)) == "" for factor in turned.factors)


@each_turned
def test_a_setup_is_the_default_but_for_the_one_that_is_turned(turned):
    assert turned.setup(1.0) == DEFAULT
    for factor in set(turned.factors) - {1.0}:
        setup = turned.setup(factor)
        changed = [
            part
            for part in ("learner", "training_period_s")
            if getattr(setup, part) != getattr(DEFAULT, part)
        ]
        assert changed == [turned.field[0]]


def test_the_disturbances_and_seeds_are_those_that_choices_may_be_made_on():
    assert set(DISTURBANCES) <= {item.name for item in TUNING.disturbances}


def test_each_setting_is_run_once_and_what_is_there_is_not_run_again(tmp_path):
    sweep = made_sweep(tmp_path, seeds=(100,))
    settings = 1 + sum(len(turned.factors) - 1 for turned in PARAMETERS)
    assert len(sweep.recordings()) == 3
    assert len(sweep.pieces()) == settings * len(DISTURBANCES)
    suite = sweep.suite
    world = by_world(suite.split.disturbances)[0]
    assert [item.name for item in world] == [NOTHING, "camera_bump"]
    suite.streams.mkdir()
    streams = record_streams(world, 100, suite.model(), suite.encoder_path, SECONDS)
    for item, stream in zip(world, streams, strict=True):
        stream.save(suite.stream_path(item, 100))
    sweep.pieces()[0]()
    assert len(sweep.recordings()) == 2
    figures = [json.loads(file.read_text()) for file in (tmp_path / "runs").rglob("*.json")]
    assert len(figures) == 1
    assert len(sweep.pieces()) == settings * len(DISTURBANCES) - 1
    assert 0.0 < figures[0]["cpu_share"] < 10.0
    assert 0.0 < figures[0]["adapted_m"]["before"] < 1.0


def write_runs(sweep):
    """Figures by a rule: the larger the factor, the larger the error and the smaller the cost."""
    for turned in PARAMETERS:
        for factor in turned.factors:
            for item in sweep.suite.split.disturbances:
                for number, seed in enumerate(sweep.suite.split.seeds):
                    path = sweep.path(turned, factor, item.name, seed)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    ratio = 0.5 * factor**0.1 * (0.9 if number else 1.1)
                    figures = {
                        "adapted_m": dict.fromkeys(PHASES, 0.01 * ratio),
                        "frozen_m": dict.fromkeys(PHASES, 0.01),
                        "cpu_share": 0.1 / factor**0.1,
                    }
                    path.write_text(json.dumps(figures))


def test_the_report_has_a_picture_and_a_table_of_each_parameter(tmp_path):
    sweep = made_sweep(tmp_path)
    write_runs(sweep)
    assert sweep.pieces() == []
    paths = list(write_report(sweep, tmp_path))
    names = [turned.name for turned in PARAMETERS]
    pictures = [tmp_path / f"{name}.png" for name in names]
    assert paths == [tmp_path / "sweep.json", tmp_path / "table.md", *pictures]
    for picture in pictures:
        assert 5_000 < picture.stat().st_size < 150_000
    report = json.loads((tmp_path / "sweep.json").read_text())
    errors = report["parameters"]["readout_memories"]["error"]
    assert set(errors) == set(DISTURBANCES) - {"nothing"}
    np.testing.assert_allclose(errors["belt_fast"]["0-5 s"][2], [0.55, 0.45])
    table = (tmp_path / "table.md").read_text()
    assert re.findall(r"^## (.*)$", table, re.MULTILINE) == names
    defaults = [line for line in table.splitlines() if "(default)" in line]
    assert len(defaults) == len(PARAMETERS)
    assert all(line.endswith("| 50.0 | 50.0 | 50.0 | 50.0 | 50.0 | 10.0 |") for line in defaults)
