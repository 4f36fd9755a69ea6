"""Speaker similarity: is it still the same voice?

The encoder is that of the package Resemblyzer (Wan et al., "Generalized End-to-End Loss for Speaker
Verification", arXiv:1710.10467). Only its weights are read from the installed package: its own code
imports a voice activity detector that does not load beside a new setuptools.
"""

from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lib.audio import files
from lib.runtime.compile_lock import import_librosa

MODEL_RATE = 16_000  # Hz, of the encoder
N_FFT, HOP_LENGTH, N_MELS = 400, 160, 40  # 25 ms every 10 ms
PARTIAL_FRAMES = 160  # 1.6 s: the encoder hears parts of this length
PARTIAL_HOP = 77  # frames from one part to the next: 1.3 parts a second
MIN_COVERAGE = 0.75  # of the last part, below which it is left out
LEVEL_RMS = 10 ** (-30 / 20)  # -30 dB re full scale: every signal is heard at this level
UNITS = 256


class Encoder(nn.Module):
    """Mel frames -> a unit vector that tells the speaker: three LSTM layers and a linear one.

    Shape:
        - mels: `[B, frames, 40]`; embeddings: `[B, 256]`, of length 1, none below 0
    """

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(N_MELS, UNITS, 3, batch_first=True)
        self.linear = nn.Linear(UNITS, UNITS)

    def forward(self, mels: Tensor) -> Tensor:
        """See the class."""
        _, (hidden, _) = self.lstm(mels)
        return nn.functional.normalize(torch.relu(self.linear(hidden[-1])))


def speaker_similarity(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Cosine of the two speaker embeddings, 0 to 1 (the same signal); NaN for silence.

    Two utterances of one speaker are at 0.8 and more, those of two speakers at 0.5 to 0.7.
    """
    if not np.any(estimate) or not np.any(reference):
        return float("nan")
    signals = (np.asarray(signal, np.float32).tobytes() for signal in (estimate, reference))
    first, second = (_embedding(signal, sample_rate) for signal in signals)
    return float(first @ second)


@torch.inference_mode()
def embed(samples: np.ndarray) -> np.ndarray:
    """The embedding `[256]` of a signal at 16 kHz: the mean over parts of 1.6 s, at length 1."""
    starts = _part_starts(len(samples))
    end = (starts[-1] + PARTIAL_FRAMES) * HOP_LENGTH
    samples = np.pad(samples, (0, max(0, end - len(samples))))
    mels = import_librosa().feature.melspectrogram(
        y=samples, sr=MODEL_RATE, n_fft=N_FFT, hop_length=HOP_LENGTH, n_mels=N_MELS
    )
    frames = torch.from_numpy(mels.astype(np.float32).T)
    parts = torch.stack([frames[start : start + PARTIAL_FRAMES] for start in starts])
    mean = _encoder()(parts).mean(0).numpy()
    return mean / np.linalg.norm(mean)


def _part_starts(n_samples: int) -> list[int]:
    """First frames of the parts; the last part may be filled up with silence by a quarter."""
    n_frames = -(-(n_samples + 1) // HOP_LENGTH)
    steps = max(1, n_frames - PARTIAL_FRAMES + PARTIAL_HOP + 1)
    starts = list(range(0, steps, PARTIAL_HOP))
    covered = (n_samples - starts[-1] * HOP_LENGTH) / (PARTIAL_FRAMES * HOP_LENGTH)
    return starts[:-1] if covered < MIN_COVERAGE and len(starts) > 1 else starts


@lru_cache(32)  # systems, and epochs of a training, share the clean signals of their items
def _embedding(signal: bytes, sample_rate: int) -> np.ndarray:
    samples = files.resample(np.frombuffer(signal, np.float32), sample_rate, MODEL_RATE)
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
    return embed(samples * np.float32(LEVEL_RMS / max(rms, 1e-9)))


@cache
def _encoder() -> Encoder:
    folder = Path(find_spec("resemblyzer").submodule_search_locations[0])
    saved = torch.load(folder / "pretrained.pt", map_location="cpu", weights_only=True)
    encoder = Encoder()
    weights = {name: saved["model_state"][name] for name in encoder.state_dict()}
    encoder.load_state_dict(weights)
    return encoder.eval().requires_grad_(False)
