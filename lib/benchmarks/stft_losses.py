"""The multi-resolution STFT loss beside auraloss' at the same resolutions."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.benchmarks.timing import seconds_of
from lib.deepfilter.grid import SAMPLE_RATE
from lib.losses.multi_resolution_stft import N_FFTS, MultiResolutionSTFT
from lib.runtime.progress import progress
from lib.runtime.threads import one_thread

N_SIGNALS = 4  # of one second each


def measure_stft_losses(n_repeats: int = 10) -> pd.DataFrame:
    """The time of both losses on one thread, forward and backward, for four seconds of audio.

    Returns: columns name, ms (median over the repeats), times (of the loss of this repository). No
        rows if auraloss is not installed (extra `dev`).
    """
    try:
        from auraloss.freq import MultiResolutionSTFTLoss
    except ImportError:
        return pd.DataFrame(columns=["name", "ms", "times"])
    # FFT sizes, hops and windows: a hop is a quarter of its window.
    auraloss = MultiResolutionSTFTLoss(list(N_FFTS), [n // 4 for n in N_FFTS], list(N_FFTS))
    loss = MultiResolutionSTFT()
    clean = 0.1 * torch.randn(N_SIGNALS, 1, SAMPLE_RATE)
    n_samples = torch.tensor([SAMPLE_RATE] * N_SIGNALS)
    bandwidth_hz = torch.tensor([SAMPLE_RATE / 2] * N_SIGNALS)
    losses = {
        "losses.MultiResolutionSTFT": lambda x: loss(x, clean, n_samples, bandwidth_hz),
        "auraloss": lambda x: auraloss(x, clean),
    }
    measured = []
    with one_thread():
        for _ in progress(range(n_repeats + 1), "STFT losses"):
            # New each time, as a training has it.
            restored = (0.1 * torch.randn_like(clean)).requires_grad_()
            seconds = [seconds_of(_forward_and_backward, f, restored) for f in losses.values()]
            measured.append([1000 * value for value in seconds])
    ms = np.median(measured[1:], axis=0)  # the first one warms up
    return pd.DataFrame({"name": list(losses), "ms": ms, "times": ms / ms[0]})


def _forward_and_backward(loss: Callable[[Tensor], Tensor], restored: Tensor) -> None:
    loss(restored).backward()
