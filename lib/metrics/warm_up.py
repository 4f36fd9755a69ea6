"""The first call of every score, once, when the environment is installed.

python -m lib.metrics.warm_up

librosa and ViSQOL have numba compile functions in their first call ever, and keep the code beside
the packages. That takes half a minute, in which later processes would wait for each other.
"""

import numpy as np

from lib.audio.files import SAMPLE_RATE
from lib.metrics import registry


def score_once() -> dict[str, float]:
    """All scores of two seconds like a voice in noise: 16 harmonics of 120 Hz, four syllables.

    >>> len(score_once()) == len(registry.ALL)
    True
    """
    time_s = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    harmonics = sum(np.sin(2 * np.pi * 120 * k * time_s) / k for k in range(1, 17))
    clean = (0.1 * harmonics * np.sin(2 * np.pi * time_s) ** 2).astype(np.float32)
    hiss = np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    noisy = clean + 0.003 * hiss
    return registry.compute_scores(noisy, clean, SAMPLE_RATE, SAMPLE_RATE / 2, registry.ALL)


if __name__ == "__main__":
    print("compiling what the scores need, once", flush=True)
    score_once()
