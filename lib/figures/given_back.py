"""One utterance: what DeepFilterNet3 took from the voice, and what came back."""

from collections.abc import Mapping

import numpy as np

from lib.audio import stft
from lib.figures.base import Figure, blank, styled

MAX_HZ = 8000.0  # most of what a voice says lies below
MAX_SECONDS = 4.0
DOMINANT_DB = 35.0  # a bin is dominant within so many dB of the loudest bin of its frame
MIN_DB, MAX_DB = -95, -30  # of the spectrograms' colours
MAX_CHANGE_DB = 20.0
PANELS = ("noisy", "enhanced", "restored", "clean")
MUCH_DB = 6.0  # of a bin: it counts as taken


def dominant(clean_db: np.ndarray) -> np.ndarray:
    """The bins that carry the voice: near the loudest of their frame, in frames that are active.

    Args:
        clean_db: levels `[F, frames]`.

    >>> dominant(np.array([[-20.0, -90.0], [-50.0, -90.0], [-60.0, -90.0]])).tolist()
    [[True, False], [True, False], [False, False]]
    """
    peaks = clean_db.max(axis=0)
    return (clean_db > peaks - DOMINANT_DB) & (peaks > peaks.max() - stft.ACTIVE_DB)


@styled
def given_back(
    signals: Mapping[str, np.ndarray],
    sample_rate: int,
    title: str = "",
    captions: Mapping[str, str] | None = None,
) -> Figure:
    """Spectrograms up to 8 kHz, and below what was taken and what was given back.

    The lower two panels show the dominant bins of clean alone: how much of them enhanced lacks, and
    how restored differs from enhanced there.

    Args:
        signals: noisy, enhanced, restored, clean: `[T]` each, of which 4 s are drawn.
        captions: signal -> what stands beside its name, e.g. its DistillMOS.
    """
    captions = captions or {}
    levels, voice, (taken, back) = _measure(signals, sample_rate)
    changes = {"taken: enhanced - clean": taken, "given back: restored - enhanced": back}
    figure, axes = blank(3, 2, width=10.0, height=8.6, sharex=True, sharey=True)
    seconds = min(len(signals["clean"]) / sample_rate, MAX_SECONDS)
    extent = (0, seconds, 0, MAX_HZ / 1000)
    look = {"origin": "lower", "aspect": "auto", "extent": extent}
    for ax, (name, level) in zip(axes, levels.items(), strict=False):
        spectra = ax.imshow(level, cmap="magma", vmin=MIN_DB, vmax=MAX_DB, **look)
        ax.set_title("   ".join(filter(None, (name, captions.get(name)))), loc="left")
    for ax, (name, change) in zip(axes[4:], changes.items(), strict=True):
        limits = {"vmin": -MAX_CHANGE_DB, "vmax": MAX_CHANGE_DB}
        shown = np.where(voice, change, np.nan)
        differences = ax.imshow(shown, cmap="RdBu_r", interpolation="nearest", **limits, **look)
        ax.set_title(name, loc="left")
        ax.set_xlabel("time (s)")
    for ax in axes:
        ax.grid(visible=False)
    for ax in axes[::2]:
        ax.set_ylabel("frequency (kHz)")
    bar = {"extend": "both", "pad": 0.02}
    figure.colorbar(spectra, ax=axes[:4], label="level (dB re full-scale sine)", **bar)
    figure.colorbar(differences, ax=axes[4:], label="difference (dB)", **bar)
    figure.suptitle(title)
    return figure


def given_back_in_words(signals: Mapping[str, np.ndarray], sample_rate: int) -> str:
    """The means of the lower two panels, and of the bins that lost most: in a sentence.

    Args:
        signals: as of `given_back`.

    >>> clean = np.sin(2 * np.pi * 1500 * np.arange(48_000) / 48_000)
    >>> parts = {"noisy": clean, "enhanced": clean / 4, "restored": clean / 2, "clean": clean}
    >>> given_back_in_words(parts, 48_000)[:80]
    'In the dominant bins enhanced is -12.0 dB off clean on average, restored -6.0 dB'
    """
    _, voice, (taken, back) = _measure(signals, sample_rate)
    if not voice.any():
        return "Clean has no dominant bins here."
    enhanced, restored = taken[voice].mean(), (taken + back)[voice].mean()
    text = (
        f"In the dominant bins enhanced is {enhanced:+.1f} dB off clean on average,"
        f" restored {restored:+.1f} dB."
    )
    much = voice & (taken < -MUCH_DB)
    if much.any():
        share = 100 * np.count_nonzero(much) / np.count_nonzero(voice)
        text += (
            f" {share:.0f} % of them lost more than {MUCH_DB:g} dB; these got"
            f" {back[much].mean():+.1f} dB back."
        )
    return text


def _measure(
    signals: Mapping[str, np.ndarray], sample_rate: int
) -> tuple[dict[str, np.ndarray], np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Levels of each signal, which bins are dominant, and what was taken and given back in dB."""
    n_bins = round(MAX_HZ / sample_rate * stft.N_FFT)
    part = {name: signals[name][: round(MAX_SECONDS * sample_rate)] for name in PANELS}
    levels = {name: stft.spectrogram_db(signal)[:n_bins] for name, signal in part.items()}
    floored = {name: np.maximum(level, stft.FLOOR_DB) for name, level in levels.items()}
    changes = [
        floored[b] - floored[a] for a, b in (("clean", "enhanced"), ("enhanced", "restored"))
    ]
    return levels, dominant(levels["clean"]), tuple(changes)
