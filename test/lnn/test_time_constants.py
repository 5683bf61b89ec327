import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from liquid_adapt_ros.lnn import NetworkSpec
from liquid_adapt_ros.lnn.time_constants import tau_raw_of, time_constant, torch_decay

SPEC = NetworkSpec(1, 1, tau_min_s=0.01, tau_max_s=1.0)


@given(
    st.sampled_from([np.float32, np.float64]).flatmap(
        lambda dtype: arrays(
            dtype, 8, elements=st.floats(width=np.dtype(dtype).itemsize * 8, allow_nan=False)
        )
    )
)
def test_time_constant_stays_in_range_for_any_raw_value(tau_raw):
    with np.errstate(over="raise", invalid="raise"):
        tau = time_constant(SPEC, tau_raw)
    assert tau.dtype == tau_raw.dtype
    assert (tau >= tau.dtype.type(SPEC.tau_min_s)).all()
    assert (tau <= tau.dtype.type(SPEC.tau_max_s)).all()


@given(st.floats(0.0101, 0.99))
def test_raw_value_gives_its_time_constant_back(tau_s):
    tau_raw = tau_raw_of(SPEC, np.array([tau_s]))
    np.testing.assert_allclose(time_constant(SPEC, tau_raw), tau_s, rtol=1e-12)


def test_decay_for_autograd_is_the_inverse_of_the_time_constant():
    raw = torch.linspace(-40.0, 40.0, 81, dtype=torch.float64)
    np.testing.assert_allclose(
        torch_decay(SPEC, raw).numpy() * time_constant(SPEC, raw.numpy()), 1.0, rtol=1e-12
    )
