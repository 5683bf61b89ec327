"""Streaming low-pass filters: one sample in, one sample out, the state carried.

The coefficients are those of `scipy.signal.butter(2, cutoff_hz, fs=rate_hz, output="sos")`,
written out because importing scipy.signal takes 70 MB and more than a second.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

# What the shipped model was trained with; a 20 Hz cutoff delays by 11 ms and takes off motor and
# chassis vibration.
IMU_RATE_HZ, IMU_CUTOFF_HZ = 200.0, 20.0
JOINT_RATE_HZ, JOINT_CUTOFF_HZ = 100.0, 20.0


def butterworth_section(cutoff_hz: float, rate_hz: float) -> NDArray[np.float64]:
    """Second-order Butterworth low-pass as one second-order section.

    Bilinear transform with the cutoff prewarped (Oppenheim & Schafer, Discrete-Time Signal
    Processing, section 7.3).

    Arguments:
        cutoff_hz: frequency at which the gain is 1/sqrt(2) [Hz], 0 < cutoff < rate / 2.
        rate_hz: sampling rate [Hz].

    Returns:
        (6,) coefficients b0 b1 b2 a0 a1 a2 with a0 = 1.

    Raises:
        ValueError: the cutoff isn't between 0 and half the rate.
    """
    if not 0.0 < cutoff_hz < rate_hz / 2.0:
        raise ValueError(
            f"cutoff {cutoff_hz} Hz must be between 0 and half the rate of {rate_hz} Hz"
        )
    k = math.tan(math.pi * cutoff_hz / rate_hz)
    a0 = 1.0 + math.sqrt(2.0) * k + k * k
    b0 = k * k / a0
    a1 = 2.0 * (k * k - 1.0) / a0
    a2 = (1.0 - math.sqrt(2.0) * k + k * k) / a0
    return np.array([b0, 2.0 * b0, b0, 1.0, a1, a2])


class ButterworthLowPass:
    """A second-order Butterworth low-pass on several channels at once.

    The first sample after construction or `reset` is taken as the steady state, so that the
    output starts there instead of rising from zero.

    Arguments:
        cutoff_hz, rate_hz: see `butterworth_section`.
        channels: number of values per sample.
    """

    def __init__(self, cutoff_hz: float, rate_hz: float, channels: int) -> None:
        b0, b1, b2, _, a1, a2 = butterworth_section(cutoff_hz, rate_hz).tolist()
        self._b0, self._b1, self._b2, self._a1, self._a2 = b0, b1, b2, a1, a2
        self._state = np.zeros((2, channels))
        self._is_settled = False

    def __call__(self, sample: ArrayLike) -> NDArray[np.float64]:
        """Filter one sample (channels,) and return (channels,), in the sample's unit."""
        x = np.asarray(sample, dtype=np.float64)
        if not self._is_settled:
            self._settle(x)
        # Transposed direct form II.
        y = self._b0 * x + self._state[0]
        self._state[0] = self._b1 * x - self._a1 * y + self._state[1]
        self._state[1] = self._b2 * x - self._a2 * y
        return y

    def reset(self) -> None:
        """Forget the past: the next sample is the new steady state."""
        self._is_settled = False

    def _settle(self, x: NDArray[np.float64]) -> None:
        # The state that a constant input x leaves: y = x, the gain at 0 Hz being 1.
        self._state[1] = (self._b2 - self._a2) * x
        self._state[0] = (1.0 - self._b0) * x
        self._is_settled = True
