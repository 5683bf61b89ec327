"""Make the CMake files of the ROS 2 wheels fit the environment of the Python that runs this.

Some exported CMake files name the include folders of the machine that built the wheels
(/opt/python/cpXY-cpXY/...). They are replaced by this Python's and this numpy's; a second run
finds none.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

# The numpy path lies below the Python one's prefix: it is matched first.
NUMPY_INCLUDE = re.compile(
    r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/[\w/]*include"
)
PYTHON_INCLUDE = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")


def main() -> int:
    """Patch the files; returns 1 when Python's headers are missing."""
    python_include = Path(sysconfig.get_path("include"))
    if not (python_include / "Python.h").is_file():
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        print(
            f"Python's headers are missing ({python_include}/Python.h): "
            f"sudo apt install python{version}-dev",
            file=sys.stderr,
        )
        return 1
    for cmake_file in Path(sys.prefix, "share").glob("*/cmake/*.cmake"):
        text = cmake_file.read_text(encoding="utf-8")
        patched = NUMPY_INCLUDE.sub(numpy.get_include(), text)
        patched = PYTHON_INCLUDE.sub(str(python_include), patched)
        if patched != text:
            cmake_file.write_text(patched, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
