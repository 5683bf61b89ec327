import numpy as np
import pytest
from streams import PARAMS, SPEC, follow, stream

from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.engine_state import engine_state, restore_engine, state_shapes
from liquid_adapt_ros.adaptation.windows import NominalSet, Windows
from liquid_adapt_ros.weights.checkpoint_file import CheckpointFile
from liquid_adapt_ros.weights.codec import WeightFormatError


def engine(settings=None) -> AdaptationEngine:
    return AdaptationEngine(SPEC, PARAMS, settings=settings)


@pytest.fixture(scope="module")
def learned():
    learner = engine()
    made_up = stream(12.0, seed=1, change_s=3.0)
    partly = [0]

    def label(tick, target):  # outputs 0 and 1 apart from 2: two groups
        partly[0] += 1
        return target if partly[0] % 3 else np.where([True, True, False], target, np.nan)

    follow(learner, made_up, train_every=None, label=label)
    for _ in range(2 * learner.settings.training.steps):
        job = learner.training_job()
        learner.finish(job, job.run())
    assert learner.counts.accepted > 0
    learner.solve_readouts()
    return learner


def through_a_file(learner, other, path):
    file = CheckpointFile(path)
    file.save(*engine_state(learner))
    restore_engine(other, *file.load(lambda description: state_shapes(other, description)))


def test_restored_engine_answers_and_goes_on_as_the_one_that_was_saved(learned, tmp_path):
    other = engine()
    through_a_file(learned, other, tmp_path / "state")
    expected = dict(learned.params)
    # What is carried over from the newest labels is of the moment, and not kept.
    expected["readout.bias"] -= learned.networks[learned.flies - 1].readout.persistence.correction
    for name, value in expected.items():
        np.testing.assert_allclose(other.params[name], value, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(other.anchor_weight, learned.anchor_weight, atol=1e-6)
    made_up = stream(15.0, seed=1, change_s=3.0)
    for one in (learned, other):
        one.forget_stream()
        said = []
        for tick in range(1300, 1500):
            stamp_ns = int(made_up.stamp_ns[tick])
            said.append(one.observe(stamp_ns, made_up.features[tick]).adapted)
            one.label(stamp_ns, made_up.target[tick])
            one.update()
        off = rmse_of(said[20:], made_up.target[1320:1500])
        assert off < 0.5 * rmse_of(made_up.frozen[1320:1500], made_up.target[1320:1500])


def rmse_of(said, target):
    return float(np.sqrt(np.mean(np.square(np.array(said) - target))))


def test_fisher_information_is_part_of_the_state(tmp_path):
    shape = (2, 60, -1)
    made_up = stream(1.2, seed=2)
    windows = Windows(
        features=made_up.features.reshape(shape),
        dt_s=np.full((2, 60), SPEC.step_s, np.float32),
        hidden_state=np.zeros((2, SPEC.hidden), np.float32),
        target=made_up.target.reshape(shape),
    )
    fisher = {name: np.abs(value) + 0.5 for name, value in PARAMS.items()}
    knows = AdaptationEngine(SPEC, PARAMS, NominalSet("", windows, fisher))
    does_not = engine()  # as where the nominal set that was shipped is lost
    through_a_file(knows, does_not, tmp_path / "state")
    saved, restored = (engine_state(one)[0] for one in (knows, does_not))
    mean = np.concatenate([value.ravel() for value in fisher.values()]).mean()
    for name, value in fisher.items():
        key = f"training.fisher.{name}"
        np.testing.assert_allclose(saved[key], value / mean, rtol=1e-5)  # float32
        np.testing.assert_array_equal(restored[key], saved[key])


def test_state_of_another_engine_is_refused(learned, tmp_path):
    file = CheckpointFile(tmp_path / "state")
    file.save(*engine_state(learned))
    other = engine(EngineSettings(training=None))
    with pytest.raises(WeightFormatError, match="networks = .*: must be 1 in number"):
        file.load(lambda description: state_shapes(other, description))


@pytest.mark.parametrize(
    "damage",
    [
        {"networks": [{"groups": [[0, 1]], "observed": 1.0}] * 2},
        {"networks": [{"groups": "all", "observed": 1.0}] * 2},
        {"networks": [{"groups": [[0, 1], [2, 2]], "observed": 1.0}] * 2},
        {"networks": [{"groups": [[0, 1, 2]], "observed": "many"}] * 2},
        {"networks": [{"groups": [[0, 1, 2]], "observed": 1.0}]},
        {"networks": "both"},
        {"flies": 3},
        {"flies": True},
        {"training": {"optimiser_steps": -1, "fisher": 0, "windows": 0, "offered": 0}},
        {"training": {"optimiser_steps": 1, "fisher": 0, "windows": 10**9, "offered": 0}},
        {"training": {"optimiser_steps": 1, "fisher": 10**9, "windows": 0, "offered": 0}},
        {"version": 0},
    ],
    ids=str,
)
def test_nonsense_in_a_description_is_refused_before_anything_is_read(learned, damage):
    _, description = engine_state(learned)
    with pytest.raises(ValueError, match="must|version|at most"):
        state_shapes(engine(), {**description, **damage})


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lambda value: value * np.nan, "is not finite"),
        (lambda value: value[..., :-1], "expected"),
        (None, "is missing"),
    ],
)
@pytest.mark.parametrize("name", ["0.readout.0.variance", "network.readout.bias"])
def test_a_damaged_state_is_refused_and_changes_nothing(learned, name, damage, reason):
    tensors, description = engine_state(learned)
    if damage is None:
        del tensors[name]
    else:
        tensors[name] = damage(tensors[name])
    other = engine()
    with pytest.raises(ValueError, match=f"{name}.*{reason}"):
        restore_engine(other, tensors, description)
    now, before = engine_state(other)[0], engine_state(engine())[0]
    assert now.keys() == before.keys()
    for key, value in before.items():
        np.testing.assert_array_equal(now[key], value)
