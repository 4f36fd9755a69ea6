"""Running means: a step is followed by a hundredth a frame; parts are the whole."""

import numpy as np

from lib.deepfilter.running_means import first_means, running_means


def test_a_step_is_followed_by_a_hundredth_of_what_is_left():
    history = running_means(np.ones((1, 500, 1)), np.zeros((1, 1)))[0, :, 0]
    np.testing.assert_allclose(history, 1 - 0.99 ** np.arange(1, 501), rtol=1e-12)


def test_parts_are_the_whole_and_signals_do_not_hear_each_other():
    values = np.random.default_rng(0).standard_normal((2, 30, 128)).astype(np.float32)
    whole = running_means(values, np.tile(first_means(), (2, 1)))
    first = running_means(values[1:, :7], first_means()[None])
    rest = running_means(values[1:, 7:], first[:, -1])
    np.testing.assert_array_equal(np.concatenate([first, rest], axis=1), whole[1:])
    assert whole.dtype == np.float32
