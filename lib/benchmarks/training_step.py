"""Where a training step spends its time."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lib.benchmarks.items import seconds_of
from lib.deepfilter.grid import SAMPLE_RATE
from lib.deepfilter.model import DELAY
from lib.losses.multi_resolution_stft import N_FFTS, MultiResolutionSTFT
from lib.runtime.progress import progress
from lib.runtime.threads import one_thread
from lib.training.batches import LEAD_IN_LENGTH, to_batch
from lib.training.learner import Learner

PARTS = (
    "DeepFilterNet3", "generator", "losses", "discriminators, for the generator", "backward",
    "discriminators, for themselves", "norms, optimisers, average",
)  # fmt: skip


def step_parts(
    p, layout: torch.memory_format = torch.channels_last, n_steps: int = 3
) -> dict[str, float]:
    """Where a training step with the GAN spends its time on one thread: ms for a second of audio, by part (torch.profiler).

    Args:
        p: config.Train, with `on_the_fly`.
        layout: of the generator's weights.
    """
    generator = torch.Generator().manual_seed(p.seed)
    signals = 0.1 * torch.randn(
        2, p.batch_size, 1, LEAD_IN_LENGTH + p.segment_length + DELAY, generator=generator
    )
    meta = {"clean_path": "", "noisy_len": signals.shape[-1], "bandwidth_hz": SAMPLE_RATE / 2}
    batch = (*signals, None, [meta] * p.batch_size)
    learner = Learner(p, n_steps, "cpu")
    learner.generator.to(memory_format=layout)
    with one_thread():
        learner.step([to_batch(p, batch, "cpu")], ramp=1.0)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            for _ in range(n_steps):
                learner.step([to_batch(p, batch, "cpu")], ramp=1.0)
    seconds = n_steps * p.batch_size * p.segment_length / SAMPLE_RATE
    found = {event.key: event.cpu_time_total / 1000 / seconds for event in profile.key_averages()}
    return {name: found[name] for name in PARTS}


def stft_losses(n_repeats: int = 10) -> pd.DataFrame:
    """Our multi-resolution STFT loss beside auraloss' at the same resolutions: columns name, ms (forward and backward of four
    seconds, median), times (of ours). Empty if auraloss is not installed (extra `dev`)."""
    try:
        from auraloss.freq import MultiResolutionSTFTLoss
    except ImportError:
        return pd.DataFrame(columns=["name", "ms", "times"])
    theirs = MultiResolutionSTFTLoss(list(N_FFTS), [n // 4 for n in N_FFTS], list(N_FFTS))
    ours, clean = MultiResolutionSTFT(), 0.1 * torch.randn(4, 1, SAMPLE_RATE)
    n_samples, bandwidth_hz = torch.tensor([SAMPLE_RATE] * 4), torch.tensor([SAMPLE_RATE / 2] * 4)
    ways = {
        "losses.MultiResolutionSTFT": lambda restored: ours(
            restored, clean, n_samples, bandwidth_hz
        ),
        "auraloss": lambda restored: theirs(restored, clean),
    }
    measured = []
    with one_thread():
        for _ in progress(range(n_repeats + 1), "STFT losses"):
            restored = (0.1 * torch.randn_like(clean)).requires_grad_()
            measured.append(
                [1000 * seconds_of(_there_and_back, way, restored) for way in ways.values()]
            )
    ms = np.median(measured[1:], axis=0)
    return pd.DataFrame({"name": list(ways), "ms": ms, "times": ms / ms[0]})


def _there_and_back(loss, restored: Tensor) -> None:
    loss(restored).backward()
