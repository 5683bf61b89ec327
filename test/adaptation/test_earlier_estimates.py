"""Estimates are found again as they were."""

import numpy as np

from liquid_adapt_ros.adaptation.earlier_estimates import EarlierEstimates


def test_earlier_estimates_are_the_newest_that_are_old_enough():
    earlier = EarlierEstimates(2.0)
    assert earlier.before(10.0) is None
    for tick in range(1000):
        earlier.note(0.01 * tick, np.full((1, 1, 1), 0.01 * tick))
    for label_s in (8.5, 9.3, 9.99):
        # They are noted ten times in that time.
        found = earlier.before(label_s).item()
        assert label_s - 2.0 - 0.21 <= found <= label_s - 2.0
    assert earlier.before(5.0) is None  # of which all estimates are gone
    earlier.clear()
    assert earlier.before(9.99) is None


def test_earlier_estimates_are_copies():
    earlier, readouts = EarlierEstimates(1.0), np.ones((1, 1, 1))
    earlier.note(0.0, readouts)
    readouts[:] = 2.0
    assert earlier.before(5.0).item() == 1.0
