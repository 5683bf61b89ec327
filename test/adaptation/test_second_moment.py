import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.second_moment import SecondMoment


@given(st.integers(0, 1000), st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_moment_of_batches_is_that_of_all_rows_also_after_a_restart(seed, sizes):
    rows = np.random.default_rng(seed).standard_normal((sum(sizes), 3))
    moment = SecondMoment(3)
    for part in np.split(rows, np.cumsum(sizes)[:-1]):
        moment.learn(part)
        other = SecondMoment(3)
        other.restart(moment.mean, moment.samples)
        moment = other
    assert moment.samples == len(rows)
    np.testing.assert_allclose(moment.mean, rows.T @ rows / max(len(rows), 1), atol=1e-12)
