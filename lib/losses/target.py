"""What a training compares with: clean, without the faint sounds that nobody misses.

Between the harmonics and in pauses a clean recording holds its room's noise. DeepFilterNet3 leaves
less there, and a generator that is drawn towards clean learns to let noise back in.
"""

from typing import Literal

import torch
from torch import Tensor

from lib.losses.terms import N_FFT, check_same_shape, dominant_bins, power, spectrum

Target = Literal["clean", "quiet_pauses", "dominant"]
HOP_LENGTH = N_FFT // 4


def training_target(clean: Tensor, enhanced: Tensor, kind: Target) -> Tensor:
    """What the losses and the discriminators take for real.

    - `clean`: the clean recording.
    - `quiet_pauses`: clean in frames in which somebody speaks, elsewhere the quieter one of clean
      and enhanced, bin by bin.
    - `dominant`: clean in its dominant bins, elsewhere the quieter one. So the target fills what
      carries the voice, and cuts, but never fills, the rest.

    Shape:
        - clean, enhanced, result: `[B, 1, T]`

    >>> t = torch.arange(48_000) / 48_000
    >>> tone, hiss = torch.sin(6_283 * t)[None, None], 1e-4 * torch.randn(1, 1, 48_000)
    >>> target = training_target(tone + hiss, 0.1 * tone, "dominant")
    >>> bool((target - tone)[..., 2_000:-2_000].abs().max() < 0.02)
    True
    """
    check_same_shape(clean, enhanced)
    if kind == "clean":
        return clean
    window = torch.hann_window(N_FFT, device=clean.device)
    clean_z, enhanced_z = (spectrum(signals, window) for signals in (clean, enhanced))
    kept = dominant_bins(clean_z, clean_z.new_ones(clean_z.shape[:2], dtype=torch.float32))
    if kind == "quiet_pauses":
        kept = kept.any(1, keepdim=True)
    # In this order NaN in clean stays NaN, so that a training step refuses it.
    quieter = torch.where(power(enhanced_z) <= power(clean_z), enhanced_z, clean_z)
    target = torch.where(kept, clean_z, quieter) * (window.sum() / 2)  # as `istft` scales
    n_samples = clean.shape[-1]
    return torch.istft(target, N_FFT, HOP_LENGTH, window=window, length=n_samples)[:, None]
