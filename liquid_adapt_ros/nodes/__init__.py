"""The ROS 2 nodes: topics, parameters, lifecycle, diagnostics; no maths.

A node is one process of several on a few cores, and its matrices are small: the thread per core
that numpy's BLAS would start costs more by waiting than it saves. It reads the variable when numpy
is first imported, so it is set here, before any node's imports.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
