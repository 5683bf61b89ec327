"""Which network the engine puts to use, and that what it says is what flies."""

from contextlib import suppress

import numpy as np
from streams import PARAMS, SPEC, follow, rmse, stream

from liquid_adapt_ros.adaptation.adapted_network import AdaptedNetwork
from liquid_adapt_ros.adaptation.engine import AdaptationEngine
from liquid_adapt_ros.adaptation.engine_settings import EngineSettings
from liquid_adapt_ros.adaptation.guard import GuardSettings
from liquid_adapt_ros.adaptation.training_job import NotReady
from liquid_adapt_ros.adaptation.window_training import TrainingSettings
from liquid_adapt_ros.lnn.stateful_stream import StatefulStream

READOUT_ONLY = EngineSettings(training=None)


def engine(settings) -> AdaptationEngine:
    return AdaptationEngine(SPEC, PARAMS, settings=settings)


def test_weights_that_do_harm_are_taken_back():
    """The readout is wrong and can't learn: only the guard is left to notice."""
    learner = engine(READOUT_ONLY)
    network = learner.networks[0]
    network.readout.restart(network.anchor + 1.0)
    network.learn = lambda rows, target: (np.zeros(target.shape), np.ones(3))
    learner.resume(flies=1)
    made_up = stream(10.0, seed=11)
    _, updates = follow(learner, made_up)
    taken_back = [update for update in updates if update.kind == "rollback"]
    assert taken_back
    for name, value in taken_back[0].tensors.items():
        np.testing.assert_array_equal(value, PARAMS[name])


def test_after_a_rollback_an_outlier_is_not_believed():
    """Nothing but noise to learn, five times a second; the first label after each rollback is far
    off."""
    settings = EngineSettings(
        training=None, guard=GuardSettings(patience_s=0.05, live_memory_s=0.3)
    )
    learner, made_up, rng = engine(settings), stream(60.0, seed=21), np.random.default_rng(21)
    wild, far_off = False, 0
    for tick, row in enumerate(made_up.features):
        said = learner.observe(int(made_up.stamp_ns[tick]), row)
        assert np.abs(said.adapted - said.frozen).max() < 0.2  # twice the noise
        if tick % 20 == 0:
            target = made_up.target[tick] + 0.1 * rng.standard_normal(3) + 20.0 * wild
            far_off += wild
            learner.label(int(made_up.stamp_ns[tick]), target)
        update = learner.update()
        wild = (wild and tick % 20 != 0) or (update is not None and update.kind == "rollback")
    assert far_off > 0


def test_what_was_said_is_what_the_updates_make_of_a_robot():
    """A network that takes each update over between two samples answers the same, whatever flies:
    the shipped weights, the shipped network with another readout, or the trained one."""
    made_up = stream(22.0, seed=16, change_s=4.0, return_s=10.0)
    training = TrainingSettings(steps=1, learning_rate=0.02)
    guard = GuardSettings(nominal_margin=9.0, network_margin=-0.1)  # the trained one is tried
    learner = engine(EngineSettings(training=training, guard=guard))
    robot, flying = StatefulStream(SPEC, PARAMS), dict(PARAMS)
    flown, kinds = set(), set()
    for tick, row in enumerate(made_up.features):
        stamp_ns = int(made_up.stamp_ns[tick])
        said = learner.observe(stamp_ns, row).adapted
        outputs, _ = robot.step(row.astype(np.float32), SPEC.step_s)
        np.testing.assert_array_equal(said, outputs)
        flown.add(learner.flies)
        if tick == 1200:  # from here on every readout is wrong and can't learn
            for network in learner.networks:
                network.readout.restart(network.anchor + 1.0)
                network.learn = lambda rows, target: (np.zeros(target.shape), np.ones(3))
        learner.label(stamp_ns, made_up.target[tick])
        updates = [learner.update()]
        if tick % 50 == 49:
            with suppress(NotReady):
                job = learner.training_job()
                updates.append(learner.finish(job, job.run()))
        for update in filter(None, updates):
            kinds.add(update.kind)
            flying |= update.tensors
            robot.swap(flying)
    assert flown == {0, 1, 2} and kinds == {"readout", "network", "choice", "rollback"}


def test_shipped_network_with_its_readout_flies_where_the_trained_one_is_worse():
    made_up = stream(12.0, seed=17, change_s=2.0)
    learner = engine(EngineSettings())
    trained = learner.networks[1]
    shaken = np.random.default_rng(0).normal(1.0, 0.5, PARAMS["core.bias"].shape)
    trained.use(PARAMS | {"core.bias": shaken.astype(np.float32)})
    learner.resume(flies=2)
    said, updates = follow(learner, made_up, train_every=None)
    assert learner.flies == 1 and "choice" in {update.kind for update in updates}
    alone, _ = follow(engine(READOUT_ONLY), made_up)
    assert rmse(said, made_up, 6.0, 12.0) <= 1.01 * rmse(alone, made_up, 6.0, 12.0)


def labels_until_learning_flies(made_up, every: int, changes_at: int) -> int:
    """How many labels of a jump it takes while the shipped weights fly."""
    learner, labels = engine(READOUT_ONLY), 0
    for tick, row in enumerate(made_up.features):
        learner.observe(int(made_up.stamp_ns[tick]), row)
        if tick == changes_at:
            learner.resume(flies=0)
        if tick % every == 0:
            learner.label(int(made_up.stamp_ns[tick]), made_up.target[tick])
            labels += tick >= changes_at
        learner.update()
        if tick > changes_at and learner.flies:
            return labels
    raise AssertionError("the shipped weights fly to the end")


def test_of_rare_labels_the_time_between_them_counts_where_learning_is_to_fly(monkeypatch):
    """At one label a second: up to one label less than if only the samples' own time did."""

    def labels():
        counted = []
        for seed in range(41, 46):
            made_up = stream(36.0, seed=seed, noise=0.1)
            made_up.target[2000:] += np.float32([2.0, -1.0, 1.5])
            counted.append(labels_until_learning_flies(made_up, every=100, changes_at=2000))
        return np.array(counted)

    with_it = labels()
    monkeypatch.setattr(AdaptedNetwork, "unlabelled_s", lambda _, rows, __: np.zeros(len(rows)))
    without = labels()
    assert (with_it <= without).all() and with_it.sum() < without.sum()
