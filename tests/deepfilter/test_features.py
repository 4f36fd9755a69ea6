"""Features: a steady signal has the features zero and the root of its magnitude."""

import torch

from lib.deepfilter.features import normalised_features
from lib.deepfilter.grid import band_matrix
from lib.deepfilter.running_means import first_means


def test_a_steady_spectrum_has_levels_of_zero_once_the_means_have_settled():
    spectrum = torch.full((1, 2_000, 481), 0.04 + 0j)
    given = torch.from_numpy(first_means())[None], torch.from_numpy(band_matrix())
    erb, low, means = normalised_features(spectrum, *given)
    assert erb[0, -1].abs().max() < 1e-3
    # A magnitude of 0.04 divided by its root is 0.2.
    torch.testing.assert_close(low[0, 0, -1], torch.full((96,), 0.2), atol=1e-3, rtol=0)
    assert not low[0, 1].any()
    torch.testing.assert_close(means[0, 32:], torch.full((96,), 0.04), atol=1e-4, rtol=0)


def test_a_step_of_40_db_is_one_unit_less_the_hundredth_that_the_mean_follows():
    bands = torch.from_numpy(band_matrix())
    means = torch.cat([torch.full((32,), -40.0), torch.full((96,), 0.01)])[None]
    erb, _, after = normalised_features(torch.ones(1, 1, 481) + 0j, means, bands)
    torch.testing.assert_close(erb[0, 0], torch.full((32,), 0.99), atol=1e-4, rtol=0)
    torch.testing.assert_close(after[0, :32], torch.full((32,), -39.6), atol=1e-4, rtol=0)
