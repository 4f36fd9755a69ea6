"""The weighting by matrices is the filter."""

import numpy as np
from scipy.signal import sosfilt

from lib.inference.weighting import K_WEIGHTING, block_matrices, states_between


def test_block_by_block_it_is_what_the_filter_gives():
    x = np.random.default_rng(0).standard_normal(10 * 48)
    matrices, state, weighted = block_matrices(48), np.zeros(4), []
    for block in x.reshape(-1, 48):
        weighted.append(block @ matrices.of_samples + state @ matrices.of_state)
        state = state @ matrices.states + block @ matrices.to_state
    np.testing.assert_allclose(np.concatenate(weighted), sosfilt(K_WEIGHTING, x), atol=1e-12)


def test_all_states_follow_from_the_first_one_and_what_blocks_add():
    rng, after_block = np.random.default_rng(0), block_matrices(48).states
    state, added = rng.standard_normal(4), rng.standard_normal((10, 4))
    found = np.concatenate([state, added.ravel()]) @ states_between(after_block, 10)
    for i in range(11):
        np.testing.assert_allclose(found[4 * i : 4 * i + 4], state, atol=1e-9)
        if i < 10:
            state = state @ after_block + added[i]
