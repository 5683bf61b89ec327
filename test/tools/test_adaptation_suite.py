import dataclasses
import json

import numpy as np
import pytest

from liquid_adapt_ros.adaptation.learner import OnlineLearner
from liquid_adapt_ros.fusion.alignment import NANOSECONDS
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream
from liquid_adapt_ros.share import share_folder
from liquid_adapt_ros.sim.config import EpisodeConfig
from liquid_adapt_ros.sim.disturbance import Disturbances
from liquid_adapt_ros.sim.episode import Episode
from liquid_adapt_ros.tools.adaptation import suite as suite_module
from liquid_adapt_ros.tools.adaptation.disturbances import (
    CHANGE_S,
    REPORTED,
    RETURN_S,
    TUNING,
    Disturbance,
    Split,
    by_beginning,
    by_world,
)
from liquid_adapt_ros.tools.adaptation.figure import draw
from liquid_adapt_ros.tools.adaptation.hostile import FAULT_S, FAULTS, SAME_UNTIL_FAULT
from liquid_adapt_ros.tools.adaptation.methods import METHODS, learner_settings
from liquid_adapt_ros.tools.adaptation.report import markdown
from liquid_adapt_ros.tools.adaptation.run_stream import StreamRun, run_stream
from liquid_adapt_ros.tools.adaptation.scores import PHASES, StreamScore, by_phase
from liquid_adapt_ros.tools.adaptation.streams import Stream, record_streams
from liquid_adapt_ros.tools.adaptation.suite import ORACLE_SEEDS, Suite
from liquid_adapt_ros.tools.adaptation.summary import FULL, fault_figures, gather

SECONDS = 8.0
MODELS = share_folder() / "models"
NOTHING = Disturbance("nothing", {})
BUMP = next(item for item in TUNING.disturbances if item.name == "camera_bump")


def made_suite(folder) -> Suite:
    return Suite(
        streams=folder / "streams",
        figures=folder / "figures",
        models=MODELS,
        split=Split("made up", (7,), (NOTHING, BUMP)),
        methods=("readout", "both"),
        closed_loop_seeds=(7,),
        with_oracle=False,
        with_faults=False,
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A suite, its model and a short nominal stream that went through a file."""
    suite = made_suite(tmp_path_factory.mktemp("suite"))
    model = suite.model()
    path = suite.stream_path(NOTHING, 7)
    path.parent.mkdir(parents=True)
    record_streams([NOTHING], 7, model, suite.encoder_path, SECONDS)[0].save(path)
    return suite, model, Stream.load(path)


def learner(suite, model, method="both") -> OnlineLearner:
    settings = learner_settings(method)
    return OnlineLearner(model.spec, model.params, model.norm, suite.nominal(model), settings)


def test_settings_are_chosen_on_other_seeds_and_strengths_than_are_reported():
    seeds = [set(split.seeds) for split in (TUNING, REPORTED)] + [set(ORACLE_SEEDS)]
    assert sum(map(len, seeds)) == len(set.union(*seeds))
    tuned = {item.name: dict(item.values) for item in TUNING.disturbances if item.values}
    for item in REPORTED.disturbances:
        assert not item.values or dict(item.values) != tuned.get(item.name)


@pytest.mark.parametrize(
    "item", [*TUNING.disturbances, *REPORTED.disturbances], ids=lambda i: i.name
)
def test_every_disturbance_comes_and_goes(item):
    scenario = item.scenario()
    assert scenario.disturbances_at(CHANGE_S - 0.01) == Disturbances()
    assert (scenario.disturbances_at(CHANGE_S) == Disturbances()) == (not item.values)
    assert scenario.disturbances_at(RETURN_S) == Disturbances()


def test_every_method_sees_the_frozen_network_alike(recorded):
    suite, model, stream = recorded
    network = StatefulStream(model.spec.network, model.params)
    expected = np.array([network.step(row, 0.01)[0].copy() for row in stream.features])
    for method in METHODS:
        trace = run_stream(stream, learner(suite, model, method))
        # The engine sums a readout's products in double, the network in single precision.
        np.testing.assert_allclose(trace.frozen, expected, atol=1e-5)
        # Before the first label nothing can have been learned.
        np.testing.assert_allclose(trace.adapted[:5], expected[:5], atol=1e-5)
        assert len(trace.adapted) == len(stream)
        if method == FULL:
            assert trace.updates > 50
            assert 0.0 <= np.median(trace.delay_s) <= 0.11


def test_what_is_said_to_a_sample_does_not_depend_on_what_comes_later(recorded):
    suite, model, stream = recorded
    ticks = len(stream) // 2
    half = stream.until(ticks)
    assert len(half) == ticks and 0 < len(half.detection) < len(stream.detection)
    whole = run_stream(stream, learner(suite, model)).adapted
    np.testing.assert_array_equal(run_stream(half, learner(suite, model)).adapted, whole[:ticks])


def test_score_is_the_distance_from_the_truth_one_horizon_later(recorded):
    _, model, stream = recorded
    score = StreamScore(stream, model.spec, model.norm)
    part = model.spec.layout.slices()["position"]
    ahead = round(model.spec.horizon_s * 100)
    said = np.zeros((len(stream), model.spec.outputs))
    truth = np.full((len(stream), 3), np.nan)
    truth[:-ahead] = stream.target[ahead:] + [0.03, -0.04, 0.0]
    said[:, part] = (truth - model.norm["norm.output_mean"][part]) / model.norm[
        "norm.output_scale"
    ][part]
    error = score.position_error_m(said)
    assert 200 < np.isfinite(error).sum() < len(stream)
    np.testing.assert_allclose(error[np.isfinite(error)], 0.05, atol=1e-6)
    assert by_phase(error)["before"] == pytest.approx(0.05, abs=1e-6)
    assert np.isnan(by_phase(error)["after"])


@pytest.mark.parametrize("split", [TUNING, REPORTED], ids=lambda split: split.name)
def test_what_is_run_together_is_alike(split):
    for group in by_beginning(split.disturbances):
        assert len({str(item.scenario().nominal) for item in group}) == 1
    for group in by_world(split.disturbances):
        Episode(EpisodeConfig(), 0, group[0].scenario(), [item.scenario() for item in group[1:]])
    for grouped in (by_beginning, by_world):
        together = [item for group in grouped(split.disturbances) for item in group]
        assert len(together) == len(split.disturbances)
        assert len(grouped(split.disturbances)) < len(together)
    assert sorted(name for names in SAME_UNTIL_FAULT for name in names) == sorted(FAULTS)


def test_a_run_in_two_parts_is_the_run(recorded):
    suite, model, stream = recorded
    run = StreamRun(learner(suite, model))
    run.advance(stream.until(300), 300)
    run.advance(stream, len(stream))
    whole = run_stream(stream, learner(suite, model))
    np.testing.assert_array_equal(run.trace().adapted, whole.adapted)
    np.testing.assert_array_equal(run.trace().delay_s, whole.delay_s)
    assert run.trace().accepted == whole.accepted
    another = StreamRun(learner(suite, model))
    another.advance(stream, 300)
    before = stream.detection_tick < 300
    moved = stream.detection + np.where(before[:, None], np.float32(0.01), np.float32(0.0))
    with pytest.raises(ValueError, match="differs from what it was before tick 300"):
        another.advance(dataclasses.replace(stream, detection=moved), len(stream))


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_alter_detections_where_they_should_and_nothing_else(recorded, fault):
    _, _, stream = recorded
    shift = round((FAULT_S[0] - 3.0) * NANOSECONDS)  # the fault falls into the short stream
    later = dataclasses.replace(
        stream,
        stamp_ns=stream.stamp_ns - shift,
    )
    altered = FAULTS[fault](later, np.random.default_rng(0))
    since_s = (stream.detection_stamp_ns - later.stamp_ns[0]) / NANOSECONDS
    inside = (since_s >= FAULT_S[0]) & (since_s < FAULT_S[1])
    np.testing.assert_array_equal(altered.features, stream.features)
    if fault == "drop":
        assert len(altered.detection) == (~inside).sum()
        return
    changed = (altered.detection != stream.detection).any(axis=1)
    if fault == "outliers":
        assert 0.03 < changed.mean() < 0.2
    else:
        assert not changed[~inside].any()
        assert changed[inside].mean() > 0.9


def test_pieces_that_are_there_are_not_done_again_and_the_report_holds_them_all(
    tmp_path, monkeypatch, recorded
):
    """With a made-up figure for every run: the whole way to report and picture."""
    suite = made_suite(tmp_path)
    stages = suite.stages()
    assert {name: len(pieces) for name, pieces in stages.items()} == {
        "streams": 1,  # one world
        "readout": 1,  # that begins in the same way
        "both": 1,
        "closed loop": 2,
    }
    write(suite, "readout", NOTHING.name, figures(0.01, 0.01))
    (piece,) = suite.stages()["readout"]
    assert piece.args[2] == [BUMP]
    for item, frozen in ((NOTHING, 0.01), (BUMP, 0.04)):
        for method, share in (("readout", 0.5), ("both", 0.25)):
            write(suite, method, item.name, figures(frozen * share, frozen))
        for method in ("frozen", "both"):
            write(suite, f"closed_loop_{method}", item.name, driving(method))
    assert [len(pieces) for pieces in suite.stages().values()] == [1, 0, 0, 0]
    report = gather(suite)
    summary = report["summary"]
    assert summary["raised_by_half"] == ["camera_bump"]
    assert summary["fall_percent 5-30 s"]["median_over_disturbances"] == pytest.approx(75.0)
    # 40 mm frozen, 10 mm where nothing changes, 10 mm learned: all that was added is gone.
    removed = summary["removed_of_what_was_added_percent 5-30 s"]
    assert removed["worst_that_raises_it"] == pytest.approx(100.0)
    assert summary["cost_where_nothing_changed_percent"]["worst_seed"] == pytest.approx(-75.0)
    assert summary["picks"]["camera_bump"]["adapted"] == pytest.approx(0.9)
    assert summary["picks"]["camera_bump"]["frozen_by_policy"] == pytest.approx(0.2)
    assert report["ways"]["readout"] == pytest.approx(
        {
            "fall_percent 0-5 s": 50.0,
            "fall_percent 5-30 s": 50.0,
            "fall_percent 30-60 s": 50.0,
            "cost_where_nothing_changed_percent": -50.0,
            "of_before return 0-5 s": 2.0,  # 20 mm after the bump, 10 mm before it
            "of_before after": 2.0,
            "share_of_a_core_percent": 5.0,
        }
    )
    json.dumps(report)
    text = markdown(report)
    assert "| camera_bump | 4.0x | 50 / 50 / 50 | 75 / 75 / 75 | 100 / 100 / 100 |" in text
    assert "| readout | 50 | 50 | 50 | -50 | 2 | 2 | 5 |" in text
    draw(report, tmp_path / "report.png")
    assert (tmp_path / "report.png").stat().st_size > 10_000


def test_erring_detectors_are_told_by_the_median_and_by_the_worst_seed():
    runs = [
        {
            span: {"adapted_m": 0.01 * ratio, "frozen_m": 0.01}
            for span in ("fault", "recovered", "all")
        }
        for ratio in (0.9, 0.8, 1.2)
    ]
    figures = fault_figures(runs)
    assert figures["fault_worse_than_frozen_percent median"] == pytest.approx(-10.0)
    assert figures["fault_worse_than_frozen_percent worst_seed"] == pytest.approx(20.0)


def write(suite, kind, name, content):
    suite_module._write(suite.result_path(kind, name, 7), content)


def figures(adapted: float, frozen: float) -> dict:
    def errors(size):
        before = min(size, 0.01)
        by_phase = {phase: before if phase == "before" else size for phase in PHASES}
        return {"position_rmse_m": by_phase, "joint_velocity_rmse_rad_s": by_phase}

    costs = {"engine_share": 0.05, "training_share": 0.02, "delay_median_s": 0.05}
    counts = {"updates": 1, "accepted": 2, "rejected": 3, "rolled_back": 0}
    course = {"adapted_m": [adapted] * 100, "frozen_m": [frozen] * 100}
    return errors(adapted) | costs | counts | {"frozen": errors(frozen), "course": course}


def driving(method: str) -> dict:
    picks = {"policy_picks": 2, "planner_picks": 5 if method == "frozen" else 7}
    phase = {"objects": 10, "ticks": 6000, "policy_ticks": 3000} | picks
    return {"before": phase, "disturbed": phase}
