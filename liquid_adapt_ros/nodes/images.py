"""Camera messages as arrays, checked before anything reads their bytes.

cv_bridge is asked for single channels only, under names for which every build of it is right: the
wheel 1.13.0.post0 takes 16UC1 for 8 bits a pixel, and takes the number of channels from bits that
OpenCV 5 moved.
"""

import numpy as np
from cv_bridge import CvBridge, CvBridgeError
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image

COLOUR_ENCODINGS = {"rgb8": 3, "bgr8": 3}
# Bytes per pixel, and metres per unit.
DEPTH_ENCODINGS = {"16UC1": 2, "32FC1": 4}
METRES_PER_UNIT = {"16UC1": np.float32(0.001), "32FC1": np.float32(1.0)}

_bridge = CvBridge()


def colour_array(message: Image) -> NDArray[np.uint8]:
    """Return (H, W, 3) red, green, blue; raise ValueError for another encoding or a wrong size."""
    check_image(message, COLOUR_ENCODINGS)
    height, width = message.height, message.width
    flat = _single_channel(message, "mono8", width * COLOUR_ENCODINGS[message.encoding])
    pixels = flat.reshape(height, width, -1)
    return pixels if message.encoding == "rgb8" else np.ascontiguousarray(pixels[..., ::-1])


def depth_array_m(message: Image) -> NDArray[np.float32]:
    """Return (H, W) depth [m], 0 or NaN where there is none; raise ValueError as above."""
    check_image(message, DEPTH_ENCODINGS)
    encoding = "mono16" if message.encoding == "16UC1" else message.encoding
    return _single_channel(message, encoding, message.width) * METRES_PER_UNIT[message.encoding]


def intrinsics_array(message: CameraInfo) -> NDArray[np.float64]:
    """Return the (3, 3) camera matrix [px]; raise ValueError if it can't be one."""
    intrinsics = np.array(message.k, dtype=np.float64).reshape(3, 3)
    if not np.isfinite(intrinsics).all() or intrinsics[0, 0] <= 0.0 or intrinsics[1, 1] <= 0.0:
        raise ValueError("the camera matrix has no positive focal lengths")
    return intrinsics


def check_image(message: Image, encodings: dict[str, int]) -> None:
    """Raise ValueError unless the message's bytes are what its encoding and size say.

    encodings: the allowed ones with their bytes per pixel.
    """
    if message.encoding not in encodings:
        raise ValueError(f"encoding {message.encoding!r} is not one of {', '.join(encodings)}")
    row_bytes = message.width * encodings[message.encoding]
    if message.is_bigendian and message.encoding in DEPTH_ENCODINGS:
        raise ValueError("big-endian pictures are not supported")
    if message.step != row_bytes or len(message.data) != row_bytes * message.height:
        raise ValueError(
            f"{len(message.data)} bytes in rows of {message.step} for "
            f"{message.width}x{message.height} {message.encoding}"
        )


def _single_channel(message: Image, encoding: str, width: int) -> NDArray:
    """The same bytes as one channel: an array (H, width)."""
    single = Image(
        height=message.height,
        width=width,
        encoding=encoding,
        step=message.step,
        data=message.data,
    )
    try:
        return _bridge.imgmsg_to_cv2(single, "passthrough")
    except CvBridgeError as error:
        raise ValueError(str(error)) from error
