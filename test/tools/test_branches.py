import os
from functools import partial

import pytest

from liquid_adapt_ros.tools.adaptation.branches import in_branches


def test_each_end_goes_on_from_the_same_state_and_leaves_it_alone(tmp_path):
    state = [1, 2]

    def end(name):
        state.append(name)
        (tmp_path / name).write_text(f"{state} {os.getpid()}")

    in_branches(partial(end, name) for name in ("a", "b"))
    said = {name: (tmp_path / name).read_text() for name in ("a", "b")}
    assert said["a"].startswith("[1, 2, 'a']") and said["b"].startswith("[1, 2, 'b']")
    assert len({text.split()[-1] for text in said.values()} | {str(os.getpid())}) == 3
    assert state == [1, 2]


def test_an_end_that_fails_says_why_and_stops_the_others(tmp_path, capfd):
    def fail():
        raise ValueError("this one")

    with pytest.raises(RuntimeError, match="fail.* failed with status"):
        in_branches([fail, (tmp_path / "never").touch])
    assert "ValueError: this one" in capfd.readouterr().err
    assert not (tmp_path / "never").exists()
