"""DistillMOS: a network that learned from listeners judges the quality of a signal alone."""

import contextlib
import io
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from lib.audio import files

MODEL_RATE = 16_000  # Hz, of the network
HOP_LENGTH = 160  # samples from one frame of the network to the next
N_FRAMES = 768  # of the 7.68 s that the network hears at a time
REACH = 6  # frames before and behind its own on which a feature depends; a feature is two frames


@torch.inference_mode()
def distillmos(estimate: np.ndarray, sample_rate: int) -> float:
    """Mean opinion score of a signal `[T]`, 1 to 5; NaN for silence.

    Stahl and Gamper, "Distillation and Pruning for Scalable Self-Supervised Representation-Based
    Speech Quality Assessment" (arXiv:2502.05356), the package `distillmos`. The score knows no
    clean recording, hears nothing above 8 kHz, and does not mind the level. Segments of 7.7 s
    are averaged; a shorter signal is padded with silence.

    >>> distillmos(np.zeros(48_000), 48_000)
    nan
    """
    if not np.any(estimate):
        return float("nan")
    samples = files.resample(np.asarray(estimate, np.float32), sample_rate, MODEL_RATE)
    return float(_score(torch.from_numpy(samples)))


def _score(samples: Tensor) -> Tensor:
    """The network's score of `[T]`; of a short signal in the time of a short signal.

    Most of the time goes into convolutions, and all features within silence are equal. So a short
    signal is padded by as much silence as it takes to get one of them, which is then repeated.
    """
    model = _model()
    first_silent = -(-(len(samples) + HOP_LENGTH // 2) // HOP_LENGTH)
    n_frames = first_silent + 2 * REACH + 3
    n_frames += n_frames % 2
    if n_frames >= N_FRAMES:
        return model(samples[None])
    padded = nn.functional.pad(samples[None], (0, n_frames * HOP_LENGTH - len(samples)))
    features = model.cnn(padded / (padded.abs().max() + 1e-8)).transpose(1, 2)
    silent = -(-(first_silent + REACH) // 2)
    repeated = features[:, silent : silent + 1].expand(-1, (N_FRAMES - n_frames) // 2, -1)
    whole = torch.cat([features[:, :silent], repeated, features[:, silent:]], dim=1)
    return 1 + 4 * model.transformer_pool_attn(whole)


@cache
def _model() -> nn.Module:
    from distillmos import ConvTransformerSQAModel

    with contextlib.redirect_stdout(io.StringIO()):  # it prints where its weights lie
        return ConvTransformerSQAModel().eval().requires_grad_(False)
