import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from liquid_adapt_ros.lnn.spec import PolicySpec
from liquid_adapt_ros.lnn.time_constants import (
    decay_gradient_to_raw,
    sigmoid,
    tau_raw_of,
    time_constant,
)

SPEC = PolicySpec()


@given(
    st.sampled_from([np.float32, np.float64]).flatmap(
        lambda dtype: arrays(
            dtype, 8, elements=st.floats(width=np.dtype(dtype).itemsize * 8, allow_nan=False)
        )
    )
)
def test_time_constant_stays_in_range_for_any_raw_value(tau_raw):
    tau = time_constant(SPEC, tau_raw)
    assert tau.dtype == tau_raw.dtype
    assert (tau >= tau.dtype.type(SPEC.tau_min_s)).all()
    assert (tau <= tau.dtype.type(SPEC.tau_max_s)).all()


@given(st.floats(0.0101, 0.99))
def test_raw_value_gives_its_time_constant_back(tau_s):
    tau_raw = tau_raw_of(SPEC, np.array([tau_s]))
    np.testing.assert_allclose(time_constant(SPEC, tau_raw), tau_s, rtol=1e-12)


def test_derivative_of_decay_agrees_with_finite_differences():
    raw, step = np.linspace(-4.0, 4.0, 9), 1e-6
    numeric = (1 / time_constant(SPEC, raw + step) - 1 / time_constant(SPEC, raw - step)) / (
        2 * step
    )
    analytic = decay_gradient_to_raw(SPEC, raw, np.ones_like(raw))
    np.testing.assert_allclose(analytic, numeric, rtol=1e-6)


def test_sigmoid_saturates_without_warning():
    with np.errstate(all="raise"):
        values = sigmoid(np.array([-1e30, 0.0, 1e30], np.float32))
    np.testing.assert_array_equal(values, [0.0, 0.5, 1.0])
