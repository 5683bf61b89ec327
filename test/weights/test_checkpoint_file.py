import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from liquid_adapt_ros.weights.checkpoint_file import CheckpointFile
from liquid_adapt_ros.weights.codec import WeightFormatError

SIZE = 50_000


def shapes(description):
    return {"value": (description["size"],)}


def save(file: CheckpointFile, number: int) -> None:
    file.save({"value": np.full(SIZE, number, np.float32)}, {"size": SIZE, "number": number})


@pytest.fixture
def file(tmp_path):
    return CheckpointFile(tmp_path / "made" / "state.safetensors")


def test_newest_whole_checkpoint_is_found(file):
    assert file.load(shapes) is None
    for number in range(3):
        save(file, number)
        tensors, description = file.load(shapes)
        assert description["number"] == number
        np.testing.assert_array_equal(tensors["value"], np.full(SIZE, number, np.float32))


@pytest.mark.parametrize("damage", [b"", b"\xff" * 100, None], ids=["empty", "nonsense", "gone"])
def test_the_one_before_is_taken_where_the_newest_is_damaged(file, damage):
    save(file, 1)
    save(file, 2)
    if damage is None:
        file.path.unlink()
    else:
        file.path.write_bytes(damage)
    assert file.load(shapes)[1]["number"] == 1


def test_reasons_are_given_where_none_fits(file):
    save(file, 1)
    save(file, 2)

    def refuse(description):
        raise ValueError(f"number {description['number']} is of another model")

    with pytest.raises(WeightFormatError, match="number 2 .*number 1 "):
        file.load(refuse)


def test_what_is_not_finite_is_refused_and_the_file_stays(file):
    save(file, 1)
    with pytest.raises(WeightFormatError, match="value"):
        file.save({"value": np.full(SIZE, np.nan, np.float32)}, {"size": SIZE})
    assert file.load(shapes)[1]["number"] == 1


def test_claimed_file_is_nobody_elses_until_it_is_released(file):
    file.claim()
    other = CheckpointFile(file.path)
    with pytest.raises(BlockingIOError):
        other.claim()
    save(file, 1)
    file.release()
    other.claim()
    assert other.load(shapes)[1]["number"] == 1
    with pytest.raises(BlockingIOError):
        file.claim()


def test_killed_process_leaves_no_claim(file):
    program = textwrap.dedent(
        f"""
        from liquid_adapt_ros.weights.checkpoint_file import CheckpointFile
        file = CheckpointFile({str(file.path)!r})
        file.claim()
        print("claimed", flush=True)
        input()
        """
    )
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout.readline() == "claimed\n"
        with pytest.raises(BlockingIOError):
            file.claim()
        holder.kill()
    file.claim()


def test_killed_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    """A process that saves without a pause is killed again and again, at moments of its own."""
    path = tmp_path / "state.safetensors"
    program = textwrap.dedent(
        f"""
        import numpy as np
        from liquid_adapt_ros.weights.checkpoint_file import CheckpointFile
        file = CheckpointFile({str(path)!r})
        number = int(open({str(tmp_path / "start")!r}).read())
        while True:
            number += 1
            value = np.full({SIZE}, number, np.float32)
            file.save({{"value": value}}, {{"size": {SIZE}, "number": number}})
            print(number, flush=True)
        """
    )
    (tmp_path / "start").write_text("0")
    file, rng = CheckpointFile(path), np.random.default_rng(0)
    for _ in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        )
        for _ in range(int(rng.integers(1, 12))):
            saved = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        saved = max([saved, *map(int, writer.stdout.read().split())])
        writer.wait()
        tensors, description = file.load(shapes)
        assert description["number"] in (saved, saved + 1)
        assert (tensors["value"] == description["number"]).all()
        (tmp_path / "start").write_text(str(description["number"]))
