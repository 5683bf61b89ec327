import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def machine(tmp_path) -> Callable[[Mapping[str, str]], Path]:
    """Call it with paths and contents to make a tree of files; returns its root."""

    def make(files: Mapping[str, object]) -> Path:
        for path, content in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{content}\n")
        return tmp_path

    return make


@pytest.fixture
def forbidden() -> Callable:
    """A context in which the given file may not be read, whoever runs the tests."""

    @contextmanager
    def forbid(path: Path) -> Iterator[None]:
        mode = path.stat().st_mode
        path.chmod(0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            if is_root:
                os.seteuid(0)
            path.chmod(mode)

    return forbid
