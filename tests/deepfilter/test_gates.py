"""Gates by the local SNR: a decoder that a frame does not use keeps its state."""

import torch

from lib.deepfilter.gates import gated_estimates
from lib.deepfilter.settings import Settings

SETTINGS = Settings(min_db_thresh=-5.0, max_db_erb_thresh=30.0, max_db_df_thresh=15.0)


def counting(erb, low, states):
    """Estimates whose states count the frames; the local SNR is the first feature."""
    lsnr_db = erb[..., 0]
    taps = torch.ones(1, 1, 96, 5, dtype=torch.complex64)
    return torch.full((1, 1, 32), 0.5), taps, lsnr_db, tuple(state + 1 for state in states)


def test_each_decoder_counts_only_the_frames_that_use_it():
    # Silenced, both stages, mask alone, left as it is.
    lsnr_db = torch.tensor([-10.0, 0.0, 20.0, 34.0])
    erb = lsnr_db[None, :, None].expand(1, 4, 32)
    states = tuple(torch.zeros(1, 1) for _ in range(6))
    gains, taps, _, after = gated_estimates(
        counting, erb, torch.zeros(1, 2, 4, 96), states, SETTINGS
    )
    assert [state.item() for state in after] == [4, 4, 4, 2, 1, 1]
    assert gains[0, :, 0].tolist() == [0.0, 0.5, 0.5, 1.0]
    assert taps.shape == (1, 4, 96, 5)
