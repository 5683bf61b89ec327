"""The draws that pretraining sees."""

import numpy as np

from liquid_adapt_ros.sim import robot, ur5e
from liquid_adapt_ros.sim.config import EpisodeConfig
from liquid_adapt_ros.sim.randomisation import WAITING_SHARE, sample_scattered
from liquid_adapt_ros.sim.target import ZONE_X_M, select_target
from liquid_adapt_ros.sim.world import ConveyorWorld


def test_in_a_scattered_start_arm_and_target_are_anywhere_and_know_nothing_of_each_other():
    rng = np.random.default_rng(0)
    waiting, lip_x, target_x = 0, [], []
    for seed in range(60):
        config = sample_scattered(rng)
        state = ConveyorWorld(config, np.random.default_rng(seed)).state()
        target = select_target(state.objects, state.held_id)
        waiting += config.arm == EpisodeConfig().arm
        lip_x.append(state.tool_position[0])
        target_x.append(target.position[0])
        frames = ur5e.forward_kinematics(np.array(config.arm.start_rad))
        lip = frames[:3, 3] + robot.TOOL_LENGTH_M * frames[:3, 2] + robot.ARM_BASE_M
        # The arm settles before the start, so the world's lip is where the joints say to 2 cm.
        assert np.linalg.norm(lip - state.tool_position) < 0.02
    # Shares and correlations of 60 draws, within four standard deviations.
    assert abs(waiting / 60 - WAITING_SHARE) < 4.0 * np.sqrt(0.25 / 60)
    assert abs(np.corrcoef(lip_x, target_x)[0, 1]) < 4.0 / np.sqrt(60)
    assert min(target_x) >= ZONE_X_M[0] and max(target_x) > 0.15
