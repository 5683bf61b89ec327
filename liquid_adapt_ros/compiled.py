"""The compiled part of the package, or what to do where it is missing."""

try:
    from liquid_adapt_ros import _kernel as kernel
except ImportError as error:
    raise ImportError(
        "liquid_adapt_ros is not built: run `make build` and start Python with scripts/ros_env, "
        "build it with colcon, or `pip install` it"
    ) from error

__all__ = ["kernel"]
