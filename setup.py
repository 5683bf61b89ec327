"""Installs the rooms that need no ROS with pip; all but the compiled part is in setup.cfg.

The ROS 2 build is CMakeLists.txt, which reads the executables from the same setup.cfg and compiles
the same sources.
"""

from glob import glob

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup

setup(
    ext_modules=[
        Pybind11Extension(
            "liquid_adapt_ros._kernel",
            sorted(glob("src/liquid_kernel/*.cpp")),
            cxx_std=17,
            extra_compile_args=["-O3", "-Wno-psabi"],
        )
    ]
)
