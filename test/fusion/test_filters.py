"""The streaming low-pass against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from liquid_adapt_ros.fusion.filters import ButterworthLowPass, butterworth_section

CUTOFF_SHARES = st.floats(0.005, 0.49)


@given(share=CUTOFF_SHARES, rate=st.floats(10.0, 2000.0))
def test_coefficients_are_scipys(share, rate):
    expected = signal.butter(2, share * rate, fs=rate, output="sos")[0]
    np.testing.assert_allclose(butterworth_section(share * rate, rate), expected, rtol=1e-9)


@given(share=CUTOFF_SHARES, seed=st.integers(0, 1000))
def test_sample_by_sample_equals_the_whole_signal_at_once(share, seed):
    samples = np.random.default_rng(seed).standard_normal((200, 3))
    sos = signal.butter(2, share, fs=1.0, output="sos")
    start = signal.sosfilt_zi(sos)[:, :, None] * samples[0]
    expected, _ = signal.sosfilt(sos, samples, axis=0, zi=start)
    low_pass = ButterworthLowPass(share, 1.0, 3)
    np.testing.assert_allclose([low_pass(s) for s in samples], expected, atol=1e-9)


def test_starts_and_restarts_without_a_jump():
    low_pass = ButterworthLowPass(20.0, 200.0, 2)
    for _ in range(5):
        np.testing.assert_allclose(low_pass((9.81, -3.0)), (9.81, -3.0))
    low_pass.reset()
    for _ in range(5):
        np.testing.assert_allclose(low_pass((-1.0, 100.0)), (-1.0, 100.0))


def test_attenuates_by_3_db_at_the_cutoff():
    times = np.arange(4000) / 200.0
    low_pass = ButterworthLowPass(20.0, 200.0, 1)
    output = np.array([low_pass((v,))[0] for v in np.sin(2 * np.pi * 20.0 * times)])
    assert np.sqrt(2.0 * np.mean(output[2000:] ** 2)) == pytest.approx(np.sqrt(0.5), abs=1e-3)


@pytest.mark.parametrize("cutoff", [0.0, -1.0, 100.0, 150.0, np.nan])
def test_impossible_cutoffs_are_refused(cutoff):
    with pytest.raises(ValueError, match="half the rate"):
        ButterworthLowPass(cutoff, 200.0, 6)
