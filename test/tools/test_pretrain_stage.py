import pytest

from liquid_adapt_ros.tools.pretrain.stage import Stage, save_folder_atomically, source_hash


def test_a_stage_is_done_once(tmp_path):
    calls = []
    for _ in range(2):
        result = Stage(tmp_path / "a", {"seed": 1}).run(lambda: calls.append(1) or {"x": 3})
    assert len(calls) == 1
    assert result["x"] == 3
    assert result["wall_s"] >= 0.0


def test_other_inputs_start_the_stage_from_an_empty_folder(tmp_path):
    def work(name):
        (tmp_path / "a" / name).touch()
        return {}

    Stage(tmp_path / "a", {"seed": 1}).run(lambda: work("first"))
    Stage(tmp_path / "a", {"seed": 2}).run(lambda: work("second"))
    assert not (tmp_path / "a" / "first").exists()
    assert (tmp_path / "a" / "second").exists()


def test_a_stage_cut_off_finds_what_it_left(tmp_path):
    stage = Stage(tmp_path / "a", {"seed": 1})

    def cut_off():
        (tmp_path / "a" / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage.run(cut_off)
    assert stage.run(lambda: {"found": (tmp_path / "a" / "half").exists()})["found"]


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    def fail(folder):
        (folder / "part").touch()
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_folder_atomically(tmp_path / "episode", fail)
    assert not (tmp_path / "episode").exists()
    save_folder_atomically(tmp_path / "episode", lambda folder: (folder / "part").touch())
    assert (tmp_path / "episode" / "part").exists()


def test_the_hash_tells_sources_apart():
    assert source_hash("lnn") == source_hash("lnn")
    assert source_hash("lnn") != source_hash("weights")
