"""A robot that keeps learning while it works: liquid neural networks on ROS 2.

The generated messages (`liquid_adapt_ros.msg`) and the compiled kernel of the liquid core
(`liquid_adapt_ros._kernel`) exist only in the installed package. extend_path joins the two where
Python meets the source folder first (`python -m` in the repository root).
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
