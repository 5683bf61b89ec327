"""online_trainer as a process: a stream and labels in, rising versions and a falling error out."""

import dataclasses

import numpy as np
import pytest
from sensor_drivers import unchanged
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger
from synthetic_belt import SPEC, write_fitted_model
from trainer_robot import SHIFT_AFTER_S, START_TIMEOUT_S, Robot

NODE = "online_trainer"
READOUT = frozenset({"readout.weight", "readout.bias"})


@pytest.fixture
def fitted(tmp_path):
    return write_fitted_model(tmp_path)


@pytest.fixture
def start(probe, fitted, start_node):
    """start(...) runs the trainer on the fitted model and returns it once it listens."""

    def start_trainer(**parameters):
        files = {"use_sim_time": True, "model_file": str(fitted[0])}
        node = start_node(NODE, files | parameters)
        assert probe.spin_until(
            lambda: probe.count_subscribers("object_pose") > 0, START_TIMEOUT_S
        ), node.output()
        probe.spin_for(0.5)
        return node

    return start_trainer


@pytest.fixture
def robot(probe, fitted):
    return Robot(probe, fitted[1])


def assert_learns(robot, within_s):
    updates = robot.status.updates
    for _ in range(round(10 * within_s)):
        robot.run(0.1)
        if robot.status.updates > updates and robot.status.learning:
            assert robot.status.reason == ""
            return
    pytest.fail(f"nothing was learned in {within_s} s: {robot.status}")


def test_error_falls_after_a_change_and_a_restarted_trainer_goes_on(probe, robot, start):
    trainer = start()
    robot.run(SHIFT_AFTER_S)
    before = robot.status
    robot.run(18.0)
    after = robot.status
    assert after.frozen_rmse_m > 3.0 * before.frozen_rmse_m
    assert after.gain_percent > 50.0
    assert after.gain_percent == pytest.approx(
        100.0 * (1.0 - after.adapted_rmse_m / after.frozen_rmse_m), abs=1e-3
    )
    assert after.scored_samples > 200
    assert after.score_span_s == pytest.approx(5.0, abs=0.3)
    assert 0.0 < after.step_time_s < 0.5
    assert 0.0 <= after.anchor_weight < 0.9
    assert after.in_use in (after.READOUT, after.NETWORK)
    assert after.labels > 1000
    assert after.governor in ("nominal", "throttled_cpu")
    versions = [update.version for update in robot.updates]
    assert versions == list(range(1, len(versions) + 1))
    assert [update.base_version for update in robot.updates] == [0, *versions[:-1]]
    assert after.updates > 100
    assert after.weight_version in versions[-30:]  # some have come after the status
    by_size = {frozenset(update.tensor_names) for update in robot.updates}
    # All tensors come only where the trained network is clearly better than the learned readout.
    assert READOUT in by_size and by_size <= {READOUT, frozenset(SPEC.shapes())}
    assert after.accepted > 0

    assert trainer.stop() == 0
    robot.run(1.0)
    versions = [update.version for update in robot.updates]  # with those that were on their way
    start()
    robot.run(4.0)
    later = [update.version for update in robot.updates][len(versions) :]
    assert later[0] == versions[-1] + 1
    assert robot.updates[len(versions)].base_version == 0
    assert_learns(robot, within_s=10.0)
    assert robot.status.rolled_back == 0


def test_bad_input_is_dropped_named_and_outlived(probe, robot, start):
    start()
    robot.run(3.0)

    def not_finite(pose):
        pose.pose.position.y = float("nan")
        return pose

    def elsewhere(pose):
        pose.header.frame_id = "map"
        return pose

    def another_model(fused):
        fused.fingerprint = "another"
        return fused

    def too_short(fused):
        fused.features = fused.features[:-1]
        return fused

    def far_ahead(action):
        action.horizon_s = 1.0
        return action

    faults = {
        "alter_pose": {not_finite: "finite", elsewhere: "'map'"},
        "alter_fused": {another_model: "'another'", too_short: "features"},
        "alter_action": {far_ahead: "horizon"},
    }
    for alter, altered in faults.items():
        for fault, named in altered.items():
            setattr(robot, alter, fault)
            robot.run(0.3)
            setattr(robot, alter, unchanged)
            assert probe.spin_until(lambda named=named: named in probe.message(NODE)), named
    for topic in ("object_pose", "fused_state", "policy_action"):
        assert int(probe.value(NODE, f"{topic} refused")) > 0

    def unusable(fused):
        fused.usable_for_learning = False
        return fused

    robot.alter_fused = unusable
    robot.run(3.0)
    updates, labels = robot.status.updates, robot.status.labels
    robot.run(1.5)
    assert (robot.status.updates, robot.status.labels) == (updates, labels)
    assert not robot.status.learning
    assert "label" in robot.status.reason
    robot.alter_fused = unchanged
    assert_learns(robot, within_s=10.0)


def test_learning_starts_again_when_the_robot_takes_the_weights_back(probe, robot, start, fitted):
    start()
    robot.run(SHIFT_AFTER_S + 6.0)
    robot.take_back_weights()
    assert distance(robot, fitted[1]) == 0.0
    robot.run_until_update()
    first = robot.updates[-1]
    assert first.base_version == 0 and set(first.tensor_names) == set(SPEC.shapes())
    assert len(robot.rejected) <= 1  # what was on its way when the weights were taken back
    assert_learns(robot, within_s=10.0)
    assert robot.status.rolled_back == 1


def distance(robot, model):
    """How far what the robot runs is from the shipped weights."""
    params = robot.store.current.params
    return sum(np.abs(params[name] - model.params[name]).sum() for name in params)


def test_clock_that_is_set_back_is_followed(robot, start):
    start()
    robot.run(4.0)
    robot.clock.now_ns -= 30_000_000_000
    robot._start_ns -= 30_000_000_000
    assert_learns(robot, within_s=10.0)


def test_what_was_learned_survives_a_kill(probe, robot, start, fitted, tmp_path):
    """Killed without warning, the trainer goes on from its last checkpoint, not from nothing."""
    path = tmp_path / "kept" / "state.safetensors"
    kept = {"checkpoint_file": str(path), "checkpoint_period_s": 0.5}
    trainer = start(**kept)
    robot.run(SHIFT_AFTER_S + 12.0)
    assert probe.spin_until(path.exists)
    learned = distance(robot, fitted[1])
    trainer.process.kill()
    trainer.process.wait()
    version = robot.store.current.version
    start(**kept)
    robot.run_until_update()
    first = robot.updates[-1]
    assert first.version > version and set(first.tensor_names) == set(SPEC.shapes())
    assert distance(robot, fitted[1]) > 0.5 * learned
    assert probe.spin_until(lambda: probe.value(NODE, "checkpoint") != "0")


def test_broken_checkpoint_is_named_and_learning_starts_from_the_shipped_weights(
    probe, robot, start, tmp_path
):
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"no checkpoint")
    trainer = start(checkpoint_file=str(path), checkpoint_period_s=3600.0)
    robot.run(3.0)
    assert probe.spin_until(lambda: "not restored" in probe.value(NODE, "checkpoint"))
    response = probe.call(Trigger, f"{NODE}/save_checkpoint", Trigger.Request())
    assert response.success and str(path) in response.message
    assert path.stat().st_size > 10_000
    assert trainer.stop() == 0


def test_what_was_learned_on_other_weights_of_the_same_shape_is_left(
    probe, robot, start, fitted, tmp_path
):
    # Only the end of the trainer writes the file: each save replaces what is said of restoring.
    kept = {"checkpoint_file": str(tmp_path / "state.safetensors"), "checkpoint_period_s": 3600.0}
    trainer = start(**kept)
    robot.run(3.0)
    assert trainer.stop() == 0
    path, model = fitted
    bias = model.params["readout.bias"] + np.float32(0.01)
    other = dataclasses.replace(model, params=model.params | {"readout.bias": bias})
    assert other.fingerprint == model.fingerprint
    other.save(path)
    start(**kept)
    robot.run(1.0)
    assert probe.spin_until(lambda: "another model file" in probe.value(NODE, "checkpoint"))


def test_pause_and_return_to_the_baseline_are_services(probe, robot, start, fitted):
    start()
    robot.run(SHIFT_AFTER_S + 10.0)
    assert probe.call(SetBool, f"{NODE}/pause", SetBool.Request(data=True)).success
    robot.run(1.0)
    updates = robot.status.updates
    robot.run(2.0)
    assert robot.status.updates == updates
    assert not robot.status.learning and robot.status.reason == "paused on request"
    response = probe.call(Trigger, f"{NODE}/restore_baseline", Trigger.Request())
    assert response.success
    for _ in range(50):  # of 0.1 s, until a status tells of it
        robot.run(0.1)
        if robot.status.rolled_back:
            break
    assert robot.status.rolled_back == 1
    assert distance(robot, fitted[1]) == 0.0
    assert probe.call(SetBool, f"{NODE}/pause", SetBool.Request(data=False)).success
    assert_learns(robot, within_s=10.0)
    refused = probe.call(Trigger, f"{NODE}/save_checkpoint", Trigger.Request())
    assert not refused.success and "nothing is kept" in refused.message


def test_nothing_is_learned_while_somebody_leads_the_robot_by_hand(probe, robot, start):
    start()
    mode = probe.create_publisher(Bool, "hand_guided", 1)
    robot.run(SHIFT_AFTER_S + 10.0)
    mode.publish(Bool(data=True))
    robot.run(1.0)
    for paused in (True, False):  # the request is a reason of its own
        response = probe.call(SetBool, f"{NODE}/pause", SetBool.Request(data=paused))
        assert "the robot is led by hand" in response.message
    robot.run(1.0)
    updates, labels = robot.status.updates, robot.status.labels
    robot.run(2.0)
    assert (robot.status.updates, robot.status.labels) == (updates, labels)
    assert not robot.status.learning and robot.status.reason == "the robot is led by hand"
    mode.publish(Bool(data=False))
    assert_learns(robot, within_s=10.0)


def test_disk_that_takes_nothing_is_named_and_learning_goes_on(probe, robot, start, tmp_path):
    (tmp_path / "file").write_text("where a folder should be")
    path = tmp_path / "file" / "state.safetensors"
    trainer = start(checkpoint_file=str(path), checkpoint_period_s=0.5)
    robot.run(3.0)
    assert probe.spin_until(lambda: int(probe.value(NODE, "checkpoint not saved")) > 1)
    response = probe.call(Trigger, f"{NODE}/save_checkpoint", Trigger.Request())
    assert not response.success and response.message.startswith("not saved")
    assert_learns(robot, within_s=10.0)
    assert trainer.stop() == 0
