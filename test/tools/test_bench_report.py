"""Tables, files and picture of a benchmark report with made-up figures."""

import json

from made_up_bench import RATIOS, made_up_report

from liquid_adapt_ros.tools.bench import report
from liquid_adapt_ros.tools.bench.figure import draw_report


def test_json_and_markdown_are_written_with_all_figures(tmp_path):
    report.write(made_up_report(), tmp_path / "out")
    assert json.loads((tmp_path / "out/report.json").read_text())["ratios"] == RATIOS
    text = (tmp_path / "out/report.md").read_text()
    for name in RATIOS:
        assert f"| {name} |" in text
    assert "10 ms (deadline)" in text
    assert "1,150,000" in text


def test_every_row_has_a_cell_for_each_column():
    for table in report.tables(made_up_report()):
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_solver_that_is_not_trained_with_has_a_gap_in_its_row():
    table = next(item for item in report.tables(made_up_report()) if item.title == "Solver")
    assert [row[3] for row in table.rows] == ["20.0", "-"]


def test_ratios_have_three_digits():
    assert [report.times(value) for value in (5432.1, 87.65, 0.912)] == [
        "5,432x",
        "87.7x",
        "0.912x",
    ]


def test_the_picture_is_drawn(tmp_path):
    draw_report(made_up_report(), tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
