"""ROS stamps as integer nanoseconds and back."""

from builtin_interfaces.msg import Time

from liquid_adapt_ros.fusion.alignment import NANOSECONDS


def stamp_ns(stamp: Time) -> int:
    """Return the stamp in nanoseconds."""
    return stamp.sec * NANOSECONDS + stamp.nanosec


def set_stamp(stamp: Time, at_ns: int) -> None:
    """Write nanoseconds into a stamp."""
    stamp.sec, stamp.nanosec = divmod(at_ns, NANOSECONDS)
