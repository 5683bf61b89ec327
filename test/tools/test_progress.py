"""How long work says how far it is."""

import io

from rich.console import Console

from liquid_adapt_ros.tools.progress import progress_bar


def lines_of(title: str, written: io.StringIO) -> list[str]:
    return [line for line in written.getvalue().splitlines() if line.startswith(f"{title}: ")]


def test_in_a_file_progress_is_a_line_for_every_tenth():
    written = io.StringIO()
    with progress_bar(Console(file=written), "touch") as update:
        for done in range(26):
            update(done, 25)
    expected = [f"touch: {done} of 25" for done in (3, 5, 8, 10, 13, 15, 18, 20, 23, 25)]
    assert lines_of("touch", written) == expected


def test_work_that_goes_on_says_where_it_is_once():
    written = io.StringIO()
    with progress_bar(Console(file=written), "train") as update:
        for done in (71, 72, 100):
            update(done, 100, f"loss {1.0 / done:.3f}")
    expected = ["train: 71 of 100 loss 0.014", "train: 100 of 100 loss 0.010"]
    assert lines_of("train", written) == expected


def test_where_there_is_nothing_to_do_nothing_is_said():
    written = io.StringIO()
    with progress_bar(Console(file=written), "none") as update:
        update(0, 0)
    assert not lines_of("none", written)


def test_at_a_terminal_the_bar_is_all():
    written = io.StringIO()
    with progress_bar(Console(file=written, force_terminal=True, width=120), "bar") as update:
        for done in range(11):
            update(done, 10, "as far as this")
    assert not lines_of("bar", written)
    assert "10/10" in written.getvalue() and "as far as this" in written.getvalue()
