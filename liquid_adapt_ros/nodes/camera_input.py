"""The camera's way to an embedding: check, pair colour with depth, encode in a thread."""

import math
import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image

from liquid_adapt_ros.fusion.alignment import Stream
from liquid_adapt_ros.fusion.encoder import LatestWorker, OnnxEncoder
from liquid_adapt_ros.fusion.observation import Observer
from liquid_adapt_ros.fusion.pairing import StampPairs
from liquid_adapt_ros.fusion.preprocess import preprocess
from liquid_adapt_ros.nodes import images
from liquid_adapt_ros.nodes.diagnostics import Diagnostics
from liquid_adapt_ros.nodes.stamps import stamp_ns


class _Picture(NamedTuple):
    stamp_ns: int
    colour: Image
    depth: Image
    intrinsics: NDArray[np.float64]


class _Embedding(NamedTuple):
    stamp_ns: int
    values: NDArray[np.float32]
    encode_time_s: float


class CameraInput:
    """Takes the three camera topics and hands the newest embedding to the observer.

    What can't be used is dropped and counted on the diagnostics with its reason.

    Arguments:
        encoder: runs in this object's thread.
        pair_tolerance_s: see StampPairs.
        future_tolerance_s: see Stream.
        diagnostics: of the node.
    """

    def __init__(
        self,
        encoder: OnnxEncoder,
        pair_tolerance_s: float,
        future_tolerance_s: float,
        diagnostics: Diagnostics,
    ) -> None:
        self._encoder = encoder
        self._diagnostics = diagnostics
        self._colour_stamps = Stream(math.inf, future_tolerance_s)
        self._depth_stamps = Stream(math.inf, future_tolerance_s)
        self._pairs: StampPairs[Image, Image] = StampPairs(pair_tolerance_s)
        self._info: CameraInfo | None = None
        self._intrinsics: NDArray[np.float64] | None = None
        self._worker = LatestWorker(self._encode, "encoder")

    def change_tolerances(self, pair_tolerance_s: float, future_tolerance_s: float) -> None:
        """Keep to others from the next picture on; see the arguments of the class."""
        self._pairs.tolerance_s = pair_tolerance_s
        for stamps in (self._colour_stamps, self._depth_stamps):
            stamps.future_tolerance_s = future_tolerance_s

    def on_info(self, message: CameraInfo) -> None:
        """Take the camera's intrinsics."""
        if self._info is not None and np.array_equal(message.k, self._info.k):
            self._info = message
            return
        try:
            self._intrinsics = images.intrinsics_array(message)
            self._info = message
        except ValueError as error:
            self._diagnostics.count("camera_info dropped", str(error))

    def on_colour(self, message: Image, now_ns: int) -> None:
        """Take a colour picture."""
        stamp = stamp_ns(message.header.stamp)
        try:
            images.check_image(message, images.COLOUR_ENCODINGS)
            self._colour_stamps.accept(stamp, now_ns)
        except ValueError as error:
            self._diagnostics.count("colour picture dropped", str(error))
            return
        self._submit(self._pairs.add_first(stamp, message))

    def on_depth(self, message: Image, now_ns: int) -> None:
        """Take a depth picture aligned to the colours."""
        stamp = stamp_ns(message.header.stamp)
        try:
            images.check_image(message, images.DEPTH_ENCODINGS)
            self._depth_stamps.accept(stamp, now_ns)
        except ValueError as error:
            self._diagnostics.count("depth picture dropped", str(error))
            return
        self._submit(self._pairs.add_second(stamp, message))

    def deliver(self, observer: Observer, now_ns: int) -> None:
        """Hand the newest embedding to the observer, if there is a new one."""
        try:
            embedding = self._worker.take()
            if embedding is not None:
                observer.take_embedding(embedding.stamp_ns, now_ns, embedding.values)
                self._diagnostics.figure("encode_time_s", embedding.encode_time_s)
        except ValueError as error:
            self._diagnostics.count("picture not encoded", str(error))

    def reset(self) -> None:
        """Forget stamps and waiting pictures (the clock was set back)."""
        self._colour_stamps.reset()
        self._depth_stamps.reset()
        self._pairs.reset()

    def stop(self) -> None:
        """End the encoder's thread."""
        self._worker.stop()

    def _submit(self, pair: tuple[int, Image, Image] | None) -> None:
        if (unmatched := self._pairs.take_unmatched()) > 0:
            self._diagnostics.count(
                "picture without partner", "no colour and depth with one stamp", unmatched
            )
        if pair is None:
            return
        stamp, colour, depth = pair
        if self._info is None:
            self._diagnostics.count("picture dropped", "no camera_info yet")
            return
        sizes = {(m.width, m.height) for m in (colour, depth, self._info)}
        if len(sizes) > 1:
            self._diagnostics.count(
                "picture dropped",
                f"colour {colour.width}x{colour.height}, depth {depth.width}x{depth.height}, "
                f"camera_info {self._info.width}x{self._info.height}",
            )
            return
        if self._worker.submit(_Picture(stamp, colour, depth, self._intrinsics)):
            self._diagnostics.tally("pictures skipped (encoder busy)")

    def _encode(self, picture: _Picture) -> Any:
        """In the thread: messages to an embedding."""
        started = time.perf_counter()
        image, points = preprocess(
            images.colour_array(picture.colour),
            images.depth_array_m(picture.depth),
            picture.intrinsics,
        )
        values = self._encoder.encode(image, points)
        return _Embedding(picture.stamp_ns, values, time.perf_counter() - started)
