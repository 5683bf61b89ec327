"""How labels are weighed, compiled, against the same in numpy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_adapt_ros.adaptation.output_group import OutputGroup, Samples
from liquid_adapt_ros.adaptation.readout_settings import ReadoutSettings
from liquid_adapt_ros.compiled import kernel

SETTINGS = ReadoutSettings(memories=(20.0,), priors=(2.0,), world_memories=(), world_priors=())
SHARES = SETTINGS.shares(None)
OUTPUTS, FEATURES, GROUP = 4, 5, [2, 0]
MAD_TO_SIGMA = 1.4826


def gate(columns=GROUP) -> kernel.LabelGate:
    return kernel.LabelGate(
        np.array(columns, np.int32),
        len(SHARES),
        gate=SETTINGS.gate,
        gate_memory=SETTINGS.gate_memory,
        noise_floor=SETTINGS.noise_floor,
        variance_memory=SETTINGS.variance_memory,
        jump_ratio=SETTINGS.jump_ratio,
    )


def labels(rng: np.random.Generator, count: int, scale: float):
    """target, predicted, independent; some samples have no labels of the group, some of others."""
    target = scale * rng.standard_normal((count, OUTPUTS))
    target[np.ix_(rng.random(count) < 0.3, GROUP)] = np.nan
    target[rng.random(count) < 0.5, 1] = np.nan
    predicted = scale * rng.standard_normal((count, len(SHARES), OUTPUTS))
    return target, predicted, rng.uniform(0.01, 1.0, count)


class AgreementInNumpy:
    """Whether labels that are far off are of a world that has changed."""

    def __init__(self, outliers: np.ndarray):
        self.outliers = outliers
        self.before: tuple | None = None  # error, phi, far off, agreed

    def take(self, error, spread, phi, is_far) -> bool:
        agrees = False
        size = rms(error)
        if self.before is not None:
            before, phi_before, was_far, agreed = self.before
            if is_far and was_far:
                known = self.outliers[self.outliers >= 0.0]
                larger = np.sum(known >= 0.5 * min(size, rms(before)))
                rate = (larger + 1.0) / (len(known) + 10.0)
                told = before * (phi @ phi_before) / (phi_before @ phi_before)
                off = np.square((error - told) / spread).sum()
                each = (np.square(error / spread) + np.square(before / spread)) / 2.0
                outputs = each.sum() ** 2 / np.square(each).sum()
                chance = min(np.sqrt(off / each.sum()) ** outputs, 1.0)
                agrees = bool(rate**2 * chance < 2e-4)
            outlier = rms(before) if was_far and not agrees and not agreed else 0.0
            self.outliers = np.append(self.outliers[1:], outlier)
        self.before = error, phi, is_far, agrees
        return agrees


def rms(error: np.ndarray) -> float:
    return float(np.sqrt(np.square(error).mean()))


class InNumpy:
    """One group's labels, after each other, by the formulas of the documentation."""

    def __init__(self, outliers: np.ndarray):
        self.agreement = AgreementInNumpy(outliers)
        self.usual = np.empty((0, len(GROUP)))
        self.variance = np.full(len(GROUP), SETTINGS.noise_floor**2)
        self.quiet = np.full(len(GROUP), SETTINGS.noise_floor)
        self.remembered = 0.0

    def weigh(self, target, predicted, independent, phi, apart, weights):
        rows = ~np.isnan(target[:, GROUP[0]])
        trust = np.zeros(len(target))
        if not rows.any():
            return trust, None, 0.0, False
        error = (target[rows][:, None] - predicted[rows])[:, :, GROUP]
        independent = independent[rows]
        left = np.einsum("ko,nko->no", weights, error)
        enough = min(max(round(14.0 / max(apart, 1.0)) // 2 * 2 + 1, 5), 9)
        newest = max(enough, round(SETTINGS.gate_memory / max(independent.mean(), 0.01)))
        self.usual = np.concatenate([self.usual, np.abs(left)])[-newest:]
        trust[rows] = self.trust(left, error)
        if apart > 0.8:
            spread = self.spread
            changed = [
                i
                for i, (row, of) in enumerate(zip(left, phi[rows], strict=True))
                if self.agreement.take(row, spread, of, trust[rows][i] < 1.0)
            ]
            if changed:
                self.usual = self.usual[-(len(left) - changed[-1] + 1) :]
                trust[rows] = self.trust(left, error)
        usual = np.median(self.usual, axis=0)
        squared = np.average(np.square(error), axis=0, weights=trust[rows] * independent)
        samples = independent.sum()
        kept = np.exp(-samples / SETTINGS.variance_memory)
        fresh = np.maximum(squared.min(axis=0), SETTINGS.noise_floor**2)
        fresh = np.minimum(fresh, 4.0 * self.variance)
        self.remembered = kept * self.remembered + samples
        gain = samples / self.remembered
        self.variance = (1.0 - gain) * self.variance + gain * fresh
        usual = np.maximum(usual, SETTINGS.noise_floor)
        jumped = bool((usual > SETTINGS.jump_ratio * self.quiet).any())
        self.quiet = usual if jumped else kept * self.quiet + (1.0 - kept) * usual
        return trust, squared, samples * trust[rows].mean(), jumped

    @property
    def spread(self):
        return np.maximum(MAD_TO_SIGMA * np.median(self.usual, axis=0), SETTINGS.noise_floor)

    def trust(self, left, error):
        bound = SETTINGS.gate * self.spread
        explained = (0.5 * bound / np.abs(error)).min(axis=2).max(axis=1)
        near = (bound / np.abs(left)).min(axis=1)
        return np.square(np.clip(near, explained, None).clip(max=1.0))


@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(1, 12), st.floats(1e-3, 10.0)), min_size=1, max_size=8),
    st.floats(0.0, 20.0),
    st.integers(0, 20),
)
def test_labels_are_weighed_as_in_numpy(seed, batches, apart, remembered_labels):
    """So few labels are remembered that there are all of them, none and some."""
    rng = np.random.default_rng(seed)
    outliers = np.full(20, -1.0)
    outliers[20 - remembered_labels :] = 0.0
    ours, expected = gate(), InNumpy(outliers.copy())
    usual = np.empty((0, len(GROUP)))
    variance = np.full(len(GROUP), SETTINGS.noise_floor**2)
    quiet = np.full(len(GROUP), SETTINGS.noise_floor)
    remembered = np.zeros(1)
    for count, scale in batches:
        target, predicted, independent = labels(rng, count, scale)
        phi = rng.standard_normal((count, FEATURES))
        weights = rng.dirichlet(np.ones(len(SHARES)), len(GROUP)).T.copy()
        trust, squared, counted, jumped, usual = ours.weigh(
            target, predicted, independent, phi, apart, weights, variance, quiet, remembered,
            outliers, usual,
        )  # fmt: skip
        wanted = expected.weigh(target, predicted, independent, phi, apart, weights)
        np.testing.assert_allclose(trust, wanted[0], rtol=1e-9)
        assert jumped == wanted[3]
        assert counted == pytest.approx(wanted[2], rel=1e-9)
        if wanted[1] is not None:
            np.testing.assert_allclose(squared, wanted[1], rtol=1e-9)
        np.testing.assert_allclose(usual, expected.usual, rtol=1e-9)
        np.testing.assert_allclose(variance, expected.variance, rtol=1e-9)
        np.testing.assert_allclose(quiet, expected.quiet, rtol=1e-9)
        np.testing.assert_allclose(outliers, expected.agreement.outliers, rtol=1e-9)


@given(st.integers(0, 10_000), st.integers(0, 12))
def test_expected_labels_are_compared_where_all_of_the_group_are_known(seed, count):
    rng = np.random.default_rng(seed)
    target, predicted, independent = labels(rng, count, 1.0)
    target[rng.random(count) < 0.3, GROUP[1]] = np.nan  # one of them only
    counts, squared, samples = gate().compare(target, predicted, independent)
    rows = ~np.isnan(target[:, GROUP]).any(axis=1)
    np.testing.assert_array_equal(counts, np.where(rows, independent, 0.0))
    assert samples == pytest.approx(independent[rows].sum())
    if rows.any():
        error = (target[:, None] - predicted)[rows][:, :, GROUP]
        wanted = np.average(np.square(error), axis=0, weights=independent[rows])
        np.testing.assert_allclose(squared, wanted, rtol=1e-9)


def test_expected_labels_count_in_the_solution_and_leave_nothing_behind():
    rng = np.random.default_rng(0)
    group = OutputGroup(GROUP, FEATURES, SETTINGS, SHARES)
    target, predicted, independent = labels(rng, 9, 1.0)
    predicted[:, 1] = target + 0.05  # one estimate is nearly right
    phi = rng.standard_normal((9, FEATURES))
    each = np.repeat(independent[:, None], OUTPUTS, axis=1)
    samples = Samples(phi, target, target, predicted, each, 0.0 * each)
    prior = np.eye(FEATURES)
    group.learn(samples._replace(target=target + 0.3, residual=target + 0.3))
    before = group.solve(prior, None)
    together = group.solve(prior, samples)
    for part, part_before, part_after in zip(
        together, before, group.solve(prior, None), strict=True
    ):
        assert not np.allclose(part, part_before, atol=1e-3)
        np.testing.assert_array_equal(part_after, part_before)
    nothing = samples._replace(target=np.full_like(target, np.nan))
    for part, part_before in zip(group.solve(prior, nothing), before, strict=True):
        np.testing.assert_allclose(part, part_before, rtol=1e-12)


class OneOutput:
    """Labels of one output that come so far apart [s], with nothing learned from them."""

    def __init__(self, apart_s: float):
        self.group = OutputGroup([0], 1, replace(SETTINGS, jump_ratio=1e9), SHARES)
        self.come(apart_s)

    def come(self, apart_s: float) -> None:
        """From now on they come so far apart."""
        self.apart = SETTINGS.apart(np.full((1, 1), apart_s), np.ones((1, 1)))

    def trust(self, off: float, phi: float = 1.0) -> float:
        """How much a label counts that is so far off."""
        one = np.ones((1, 1))
        predicted = np.zeros((1, len(SHARES), 1))
        said = Samples(phi * one, one * off, one * off, predicted, one, self.apart)
        return self.group.learn(said)[0][0]


@pytest.mark.parametrize(
    ("apart_s", "needed"), [(0.1, 5), (0.15, 5), (0.2, 4), (0.3, 3), (1.0, 3)]
)
def test_a_single_outlier_is_not_believed_and_a_changed_world_is(apart_s, needed):
    """One label that is off by a hundred times the noise counts for nothing; once half of the
    newest nine, or of those of 1.4 s, are off like that, all count again, however they differ."""
    labels = OneOutput(apart_s)
    assert [labels.trust(0.02) for _ in range(20)] == [1.0] * 20
    assert labels.trust(2.0) < 0.01
    assert [labels.trust(0.02) for _ in range(9)] == [1.0] * 9
    trust = [labels.trust(off) > 0.9 for off in (2.0, -2.0, 2.0, -2.0, 2.0, -2.0)]
    assert trust == [False] * (needed - 1) + [True] * (7 - needed)


@pytest.mark.parametrize(
    ("apart_s", "needed"), [(0.05, 5), (0.1, 2), (0.15, 2), (0.2, 2), (1.0, 2)]
)
def test_where_labels_are_rare_two_that_agree_are_believed(apart_s, needed):
    """The second is off by what a correction of the first says of its features, give or take a
    tenth; and so are those after it."""
    labels = OneOutput(apart_s)
    assert [labels.trust(0.02) for _ in range(30)] == [1.0] * 30
    trust = [
        labels.trust(2.0 * phi * (1.0 + give), phi) > 0.9
        for phi, give in ((1.0, 0.0), (-2.0, 0.1), (0.5, -0.1), (1.5, 0.1), (-1.0, 0.0))
    ]
    assert trust == [False] * (needed - 1) + [True] * (6 - needed)


def test_where_outliers_have_been_many_two_that_agree_are_not_believed():
    """One label of eight has been an outlier: two in a row that are off alike are two more. Two
    that are off ten times as far are a change: none was like that."""
    labels = OneOutput(0.2)
    for _ in range(12):
        assert [labels.trust(0.02) for _ in range(7)] == [1.0] * 7
        assert labels.trust(2.0) < 0.01
    assert labels.trust(2.1) < 0.01
    assert [labels.trust(0.02) for _ in range(7)] == [1.0] * 7
    assert [labels.trust(20.0) < 0.01, labels.trust(21.0) > 0.9] == [True, True]


def test_labels_that_came_close_together_in_between_part_two_that_agree():
    labels = OneOutput(0.2)
    assert [labels.trust(0.02) for _ in range(30)] == [1.0] * 30
    assert labels.trust(2.0) < 0.01
    labels.come(0.01)
    assert [labels.trust(0.02) for _ in range(9)] == [1.0] * 9
    labels.come(0.2)
    assert labels.trust(2.0) < 0.01
    assert labels.trust(2.0) > 0.9


def test_a_world_that_is_what_it_was_is_believed_at_once_after_two_that_agreed():
    """As where the two were outliers after all: what fits the anchor counts in full, and the next
    outlier for nothing. Only that one is known as such."""
    labels = OneOutput(0.2)
    assert [labels.trust(0.02) for _ in range(30)] == [1.0] * 30
    assert [labels.trust(2.0) > 0.9, labels.trust(2.0) > 0.9] == [False, True]
    assert [labels.trust(0.02) for _ in range(5)] == [1.0] * 5
    assert labels.trust(3.0) < 0.01
    assert labels.trust(0.02) == 1.0
    outliers = labels.group.outliers
    assert outliers[outliers > 0.0].tolist() == [3.0]


def test_what_is_noise_is_known_after_few_labels_even_where_they_are_rare():
    """Twenty labels, each a third of an independent sample, of which the anchor leaves 1 or -1:
    the noise's variance is not the floor any more, of which it is 2500 times as much."""
    group = OutputGroup([0], 1, SETTINGS, SHARES)
    one = np.ones((1, 1))
    for sign in np.resize([1.0, -1.0], 20):
        predicted = np.zeros((1, len(SHARES), 1))
        target = sign * one
        group.learn(Samples(one, target, target, predicted, 0.33 * one, 9.0 * one))
    assert 0.3 < group.variance[0] <= 1.0


def test_a_label_that_one_estimate_explains_is_no_outlier():
    """As where the world becomes what it was, and the anchor right again."""
    group = OutputGroup([0], 1, replace(SETTINGS, jump_ratio=1e9), SHARES)
    one = np.ones((1, 1))

    def trust(target: float) -> float:
        predicted = np.ones((1, len(SHARES), 1))
        predicted[:, 0] = 0.0  # the anchor alone is right where the target is 0
        said = Samples(one, one * target, one * target, predicted, one, 0.0 * one)
        return group.learn(said)[0][0]

    assert [trust(1.0) for _ in range(20)] == [1.0] * 20
    assert trust(0.5) < 0.1
    assert trust(0.0) == 1.0


def test_arrays_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    target, predicted, independent = labels(rng, 3, 1.0)
    with pytest.raises(ValueError, match="predicted has 12 numbers, expected 36"):
        gate().compare(target, predicted[:1], independent)
    with pytest.raises(ValueError, match="target has 4 outputs, one is 4"):
        gate([4]).compare(target, predicted, independent)
    with pytest.raises(ValueError, match="an output and an estimate"):
        gate([])
    with pytest.raises(ValueError, match="quiet has 1 numbers, expected 2"):
        gate().weigh(
            target, predicted, independent, np.ones((3, 1)), 0.0, np.ones((len(SHARES), 2)),
            np.ones(2), np.ones(1), np.zeros(1), np.zeros(1), np.empty((0, 2)),
        )  # fmt: skip
    with pytest.raises(ValueError, match="outliers must remember a label"):
        gate().weigh(
            target, predicted, independent, np.ones((3, 1)), 0.0, np.ones((len(SHARES), 2)),
            np.ones(2), np.ones(2), np.zeros(1), np.empty(0), np.empty((0, 2)),
        )  # fmt: skip


def test_many_labels_at_once_shift_weight_as_if_they_had_come_one_by_one():
    """Two seconds of labels in one piece, the second estimate being right: what is dealt out anew
    in that time must not outweigh what they say."""
    weights = []
    for pieces in (1, 20):
        group = OutputGroup([0], 1, SETTINGS, SHARES)
        for _ in range(pieces):
            rows = 20 // pieces
            one = np.ones((rows, 1))
            predicted = np.zeros((rows, len(SHARES), 1))
            predicted[:, 1] = 0.1
            group.learn(Samples(one, 0.1 * one, 0.1 * one, predicted, one, 0.0 * one))
        weights.append(group.mixture.weights[:, 0])
    assert weights[0][1] > 0.9
    # Both have come to where what is dealt out anew is lost again.
    np.testing.assert_allclose(*weights, atol=1e-6)


def take(group: OutputGroup, error: float) -> float:
    """Let a group learn a label that all estimates miss by this; returns how much it counts."""
    target = np.zeros((1, OUTPUTS))
    target[:, GROUP] = error
    predicted, one = np.zeros((1, len(SHARES), OUTPUTS)), np.ones((1, OUTPUTS))
    phi = np.ones((1, FEATURES))
    trust, _ = group.learn(Samples(phi, target, target, predicted, one, 0.1 * one))
    return float(trust[0])


# How much a label off by 5 may count where twice the noise, 0.1, is thought to be usual.
HARDLY = (SETTINGS.gate * MAD_TO_SIGMA * 0.2 / 5.0) ** 2


@pytest.fixture
def experienced() -> OutputGroup:
    group, rng = OutputGroup(GROUP, FEATURES, SETTINGS, SHARES), np.random.default_rng(8)
    assert take(group, 5.0) == 1.0  # nothing is known yet
    for _ in range(50):
        take(group, 0.1 * rng.standard_normal())
    return group


def test_a_group_that_forgets_still_knows_outliers(experienced):
    """What is usual of labels is not of the world: it outlives what was learned."""
    experienced.restart()
    assert not experienced.bank.information.any() and not experienced.offset.information.any()
    everywhere = np.tile(np.array(SHARES)[:, None], len(GROUP))
    np.testing.assert_array_equal(experienced.mixture.weights, everywhere)
    assert take(experienced, 5.0) < HARDLY


def test_a_group_that_goes_on_from_a_checkpoint_knows_outliers_and_believes_a_change(experienced):
    restored = OutputGroup(GROUP, FEATURES, SETTINGS, SHARES)
    for name in OutputGroup.STATE:
        restored.state(name)[:] = experienced.state(name)
    assert take(restored, 5.0) < HARDLY
    assert take(restored, 0.1) == 1.0
    assert [take(restored, 5.0) for _ in range(9)][-1] == 1.0
