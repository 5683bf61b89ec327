"""Installs the rooms that need no ROS with pip; everything is in setup.cfg.

The ROS 2 build is CMakeLists.txt, which reads the executables from the same setup.cfg.
"""

from setuptools import setup

setup()
