import numpy as np

from liquid_adapt_ros.adaptation.label_silence import LabelSilence
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings

SETTINGS = ReadoutSettings(correlation_s=0.1, held_from=15.0, held_within=7.0)
NONE, BOTH, FIRST = np.array([[False, False], [True, True], [True, False]])


def test_a_silence_begins_after_a_while_and_is_each_outputs_own():
    silence = LabelSilence(2, SETTINGS)
    silence.pass_time(1.5, NONE, NONE)
    np.testing.assert_array_equal(silence.left, 1.0)
    silence.pass_time(0.7, FIRST, NONE)
    np.testing.assert_allclose(silence.left, [1.0, np.exp(-1.0)])


def test_there_is_no_silence_while_labels_are_expected():
    silence = LabelSilence(2, SETTINGS)
    silence.pass_time(3.0, NONE, FIRST)
    np.testing.assert_allclose(silence.left, [1.0, np.exp(-1.5 / 0.7)])
    silence.pass_time(0.0, NONE, NONE)  # they did not come
    np.testing.assert_allclose(silence.left, np.exp(-1.5 / 0.7))


def test_labels_that_usually_take_long_are_waited_for_twice_as_long():
    """By the median of three: one long gap, as the second output has, changes nothing."""
    silence = LabelSilence(2, SETTINGS)
    for _ in range(3):
        silence.pass_time(2.0, FIRST, NONE)
    silence.pass_time(0.0, BOTH, NONE)
    np.testing.assert_array_equal(silence.gaps_s, [[2.0, 0.0], [2.0, 0.0], [0.0, 6.0]])
    silence.pass_time(4.5, NONE, NONE)
    np.testing.assert_allclose(silence.left, np.exp([-0.5 / 0.7, -3.0 / 0.7]))


def test_restored_times_are_not_negative():
    silence = LabelSilence(2, SETTINGS)
    silence.silent_s[:], silence.gaps_s[:] = [-1.0, 2.0], -1.0
    silence.clip()
    np.testing.assert_array_equal(silence.silent_s, [0.0, 2.0])
    np.testing.assert_array_equal(silence.gaps_s, 0.0)
