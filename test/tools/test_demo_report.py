"""Report, picture and summary of made-up runs."""

import json
import math
import sys

import pytest
from made_up_run import LATENCY_NS, REPORT_KEYS, frozen_policy, made_up_run

from liquid_adapt_ros.tools.demo.belt_speed import belt_speed
from liquid_adapt_ros.tools.demo.figure import draw_report
from liquid_adapt_ros.tools.demo.live import LiveFigures, LiveView
from liquid_adapt_ros.tools.demo.recording import Recording
from liquid_adapt_ros.tools.demo.report import Report, RunConditions, make_report
from liquid_adapt_ros.tools.demo.score import score
from liquid_adapt_ros.tools.demo.summary import summarise


def conditions(duration_s: float, change_s: tuple[float, ...] = (), seed: int = 0):
    return RunConditions("made_up", change_s, seed, duration_s, 100.0)


def report_of(recording: Recording, wanted: RunConditions) -> Report:
    return make_report(wanted, recording, score(recording, frozen_policy()), {}, [])


def test_a_sound_run_has_no_failures_and_all_keys(tmp_path):
    report = report_of(made_up_run(12.0), conditions(12.0, (4.0,)))
    assert report.failures == []
    report.write(tmp_path / "out" / "report.json")
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content.keys() >= REPORT_KEYS
    assert content["latency_ms"]["p50"] == pytest.approx(LATENCY_NS / 1e6)
    assert content["fused_rate_hz"] == pytest.approx(100.0)
    assert content["weight_updates"] == 24
    assert content["picks"] == {"policy": 1, "planner": 2}


def test_the_final_window_is_the_last_30_s_but_never_before_the_change():
    assert conditions(80.0, (20.0,)).final_window_s == (50.0, 80.0)
    assert conditions(30.0, (20.0,)).final_window_s == (20.0, 30.0)
    assert conditions(20.0).final_window_s == (0.0, 20.0)


def test_the_nominal_window_ends_one_horizon_before_the_change():
    start_s, end_s = conditions(80.0, (20.0, 30.0)).nominal_window_s(0.3)
    assert start_s < end_s == pytest.approx(19.7)


def test_slow_rates_fail_the_run():
    report = report_of(made_up_run(6.0, real_time_factor=0.8), conditions(6.0))
    assert [text.split(" is ")[0] for text in report.failures] == [
        "real_time_factor",
        "fused_rate_hz",
        "action_rate_hz",
    ]


def test_a_run_without_new_weights_fails():
    recording = made_up_run(6.0)
    recording.actions = [action._replace(weight_version=0) for action in recording.actions]
    assert report_of(recording, conditions(6.0)).failures == ["no weights reached the policy"]


def test_an_empty_run_gives_valid_json_and_failures(tmp_path):
    report = report_of(Recording(), conditions(10.0))
    report.write(tmp_path / "report.json")
    content = json.loads(
        (tmp_path / "report.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )
    assert content["gain_percent"] is None
    assert len(content["failures"]) == 4


def test_the_sentence_says_what_learning_did():
    sentence = report_of(made_up_run(8.0, 0.01), conditions(8.0, (4.0,))).sentence
    assert sentence.startswith("After the change the frozen network was off by ")
    assert "adapted one by 10 mm" in sentence
    assert "learning removed" in sentence
    worse = report_of(made_up_run(8.0, adapted_error_m=2.0), conditions(8.0, (4.0,))).sentence
    assert "learning added" in worse


@pytest.mark.parametrize("recording", [made_up_run(6.0), Recording()])
def test_the_picture_is_drawn_whatever_was_recorded(tmp_path, recording):
    wanted = conditions(6.0, (3.0,))
    errors = score(recording, frozen_policy())
    report = make_report(wanted, recording, errors, {}, [])
    draw_report(report, errors, belt_speed(recording), [1.0, 2.0], tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")


def test_a_summary_has_median_and_spread_and_names_failed_seeds():
    reports = [
        report_of(made_up_run(8.0, error_m), conditions(8.0, (4.0,), seed))
        for seed, error_m in enumerate((0.01, 0.03, 0.02))
    ]
    summary = summarise(reports)
    assert summary["adapted_rmse_m"]["median"] == pytest.approx(0.02)
    assert summary["adapted_rmse_m"]["min"] == pytest.approx(0.01)
    assert summary["adapted_rmse_m"]["max"] == pytest.approx(0.03)
    assert summary["seeds"] == [0, 1, 2]
    assert "3 runs" in summary["sentence"]


def test_the_live_figures_are_those_of_the_newest_messages():
    figures = LiveFigures.of(made_up_run(5.0))
    assert figures.time_s == pytest.approx(5.0)
    assert figures.action_rate_hz == pytest.approx(100.0)
    assert figures.latency_p99_ms == pytest.approx(LATENCY_NS / 1e6)
    assert figures.weight_version == 10
    assert (figures.picks_policy, figures.picks_planner) == (1, 2)


def test_the_live_figures_of_nothing_are_empty():
    figures = LiveFigures.of(Recording())
    assert figures.time_s == 0.0
    assert math.isnan(figures.gain_percent)


def test_headless_prints_a_plain_line_every_five_seconds(capsys):
    with LiveView(20.0, headless=True, stream=sys.stdout) as view:
        for duration_s in (1.0, 5.0, 6.0, 10.0):
            view.update(made_up_run(duration_s))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("  5.0 s  x1.00  100.0/100.0 Hz")
    assert "picks 1+2 of 3" in lines[0]


def test_the_table_shows_the_figures(capsys):
    with LiveView(20.0, headless=False, stream=sys.stdout) as view:
        view.update(made_up_run(5.0))
    assert "policy_action" in capsys.readouterr().out


def test_what_arrives_before_the_nodes_have_found_each_other_is_no_rate():
    recording = made_up_run(6.0)
    waiting = recording.actions[0]
    early = [waiting._replace(arrival_ns=-k * 20_000_000, stamp_ns=0) for k in range(250, 0, -1)]
    recording.actions = early + recording.actions
    assert report_of(recording, conditions(6.0)).action_rate_hz == pytest.approx(100.0)
