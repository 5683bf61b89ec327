import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.governor.sensor import SensorError
from liquid_adapt_ros.adaptation.governor.sysfs import MAX_BYTES, find, read_integer, read_text


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "'' is not a whole number"),
        (b"3.5\n", "'3.5' is not a whole number"),
        (b"warn 32760 ma", "is not a whole number"),
        (b"1_000", "is not a whole number"),
        ("٤٢".encode(), "is not a whole number"),
        (b"\x00\xff\xfe", "is not a whole number"),
        (b"9" * 21, "is not a whole number"),
        (b"-1", "-1 is not in 0 to 100"),
        (b"101", "101 is not in 0 to 100"),
        (b"7" * (MAX_BYTES + 1), f"longer than {MAX_BYTES} bytes"),
        (b"7" * 1_000_000, f"longer than {MAX_BYTES} bytes"),
    ],
)
def test_garbage_is_refused_with_the_path_and_the_reason(tmp_path, content, complaint):
    file = tmp_path / "temp"
    file.write_bytes(content)
    with pytest.raises(SensorError) as caught:
        read_integer(file, 0, 100)
    assert str(file) in str(caught.value)
    assert complaint in str(caught.value)


@settings(deadline=None)  # files
@given(content=st.binary(max_size=100))
@example(b"\x1c0")  # white in a text, not in bytes
def test_any_content_is_a_number_within_bounds_or_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "temp")
        file.write_bytes(content)
        try:
            value = read_integer(file, -10, 10)
        except SensorError:
            return
        assert -10 <= value <= 10
        assert value == int(content)


def test_what_is_no_readable_file_is_refused(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (tmp_path / "missing", tmp_path, loop):
        with pytest.raises(SensorError, match=path.name):
            read_text(path)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, forbidden):
    file = tmp_path / "energy_uj"
    file.write_text("1")
    with forbidden(file), pytest.raises(SensorError, match="energy_uj: Permission denied"):
        read_text(file)


def test_an_endless_file_is_refused():
    with pytest.raises(SensorError, match="longer than"):
        read_text(Path("/dev/zero"))


def test_a_pipe_that_says_nothing_does_not_block(tmp_path):
    pipe = tmp_path / "temp"
    os.mkfifo(pipe)
    with pytest.raises(SensorError):
        read_integer(pipe, 0, 1)
    silent_writer = os.open(pipe, os.O_RDWR)
    try:
        with pytest.raises(SensorError, match="temporarily unavailable"):
            read_integer(pipe, 0, 1)
    finally:
        os.close(silent_writer)


def test_nothing_is_found_below_a_root_that_is_not_there(tmp_path):
    assert find(tmp_path / "missing", "sys/class/*/name") == []
