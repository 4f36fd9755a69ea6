"""What the network hears of a spectrum: ERB levels and low bins, normalised by running means."""

import torch
from torch import Tensor

from lib.deepfilter.grid import N_DF, N_ERB
from lib.deepfilter.running_means import NORM_ALPHA


def normalised_features(
    spectrum: Tensor, means: Tensor, bands: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """ERB levels and low bins of a spectrum, and the running means after it.

    Shape:
        - spectrum: `[B, frames, 481]`, complex; means: `[B, 128]`; bands: `[481, 32]`
        - ERB levels: `[B, frames, 32]`, in units of 40 dB above their running mean
        - low bins: `[B, 2, frames, 96]`, divided by the root of their magnitude's running mean
    """
    # The floor of -100 dB keeps the level of silence finite.
    power = spectrum.real.square() + spectrum.imag.square()
    level_db = 10 * torch.log10(power @ (bands / bands.sum(0)) + 1e-10)  # [B, frames, 32]
    low = spectrum[..., :N_DF]

    # Each frame is normalised by means that include it, so they are taken frame by frame.
    history = []
    for now in torch.cat([level_db, low.abs()], dim=2).unbind(1):
        means = torch.lerp(now, means, NORM_ALPHA)
        history.append(means)
    mean_level_db, mean_magnitude = torch.stack(history, dim=1).split([N_ERB, N_DF], dim=2)

    # Offsets and units are those that the network was trained with.
    erb = (level_db - mean_level_db) / 40
    low = torch.view_as_real(low / mean_magnitude.sqrt())
    return erb, low.permute(0, 3, 1, 2), means
