import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from streams import PARAMS, SPEC, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.second_moment import SecondMoment, isotropy_after, with_isotropy


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


@given(st.floats(0.0, 1e4), st.floats(0.0, 1e4), st.integers(1, 200), st.floats(0.0, 1.0))
def test_the_more_is_seen_the_less_is_taken_to_be_alike_in_all_directions(
    some, more, features, lasting
):
    before, after = (
        isotropy_after(samples, features, lasting) for samples in sorted((some, more))
    )
    assert lasting - 1e-12 <= after <= before <= 1.0
    assert isotropy_after(0.0, features, lasting) == 1.0
    np.testing.assert_allclose(isotropy_after(1e9, features, lasting), lasting, atol=1e-5)


def test_of_few_samples_no_direction_is_taken_for_one_in_which_nothing_happens():
    """Twelve features, of which some are larger and alike, eight samples of them: how many times
    as much as is thought happens in the direction that is underestimated most, in 100 draws."""
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(100):
        root = rng.standard_normal((12, 12)) * np.linspace(0.3, 1.0, 12)
        rows = rng.standard_normal((8, 12)) @ root
        seen, true = rows.T @ rows / len(rows), root.T @ root
        as_ever, more = (
            np.linalg.eigvals(np.linalg.solve(with_isotropy(seen, isotropy), true)).real.max()
            for isotropy in (0.1, isotropy_after(len(rows), 12, 0.1))
        )
        ratios.append(more / as_ever)
    assert np.median(ratios) < 0.4
    assert np.quantile(ratios, 0.95) < 0.7


def test_engine_without_a_nominal_set_takes_little_that_was_seen_for_little():
    """The least of the prior's directions, to their mean: 1 where all are alike, 0.1 at least."""
    learner = AdaptationEngine(SPEC, PARAMS, settings=EngineSettings(training=None))
    made_up = stream(40.0, seed=0)
    least = []
    for tick, row in enumerate(made_up.features):
        learner.observe(int(made_up.stamp_ns[tick]), row)
        if tick in (20, 3999):
            sizes = np.linalg.eigvalsh(learner.networks[0]._prior(None))
            least.append(sizes[0] / sizes.mean())
    assert least[0] > 0.9
    assert 0.1 <= least[1] < 0.3
