"""Audio files: what they are, reading, resampling, writing. Signals are mono float32 arrays `[T]`, full scale is 1.

`soundfile` reads and writes, `soxr` resamples (torchaudio's default resampler leaves images 20 dB down).
"""

import math
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

SAMPLE_RATE = 48_000  # Hz, of all that is prepared, trained and restored
SUFFIXES = frozenset(".wav .flac .ogg .oga .opus .mp3 .aiff .aif .w64 .caf .au".split())
EXTENSION = ".flac"  # what we write
SUBTYPE = "PCM_24"  # full scale to -144 dB; the corpus and all that we save is in it


class AudioError(ValueError):
    """A file that cannot be used; the message names the file and the reason."""


class Info(NamedTuple):
    """What a file's header says. `n_samples` counts per channel."""

    container: str
    codec: str
    sample_rate: int
    channels: int
    n_samples: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate

    @property
    def bits(self) -> float:
        """Bits of a sample; NaN for a lossy codec, which has none.

        >>> Info("WAV", "PCM_24", 48_000, 1, 480).bits, Info("OGG", "VORBIS", 48_000, 1, 480).bits
        (24, nan)
        """
        named = re.fullmatch(r"(PCM|ALAC)_[SU]?(\d+)", self.codec)
        return int(named[2]) if named else {"FLOAT": 32, "DOUBLE": 64}.get(self.codec, math.nan)


def find(folder: str | Path, glob: str = "**/*") -> list[Path]:
    """Audio files below `folder` that match `glob`, by their suffix, in the order of their names; hidden ones are left out."""
    found = (p for p in Path(folder).glob(glob) if p.suffix.lower() in SUFFIXES and p.is_file())
    return sorted(
        p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)
    )


def info(path: str | Path) -> Info:
    """The header of `path`. Raises `AudioError` if there is none that can be read."""
    try:
        head = soundfile.info(str(path))
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(f"{path}: not readable as audio ({_reason(error, path)})") from None
    return Info(head.format, head.subtype, head.samplerate, head.channels, head.frames)


def read(
    path: str | Path,
    sample_rate: int | None = None,
    start: int = 0,
    n_samples: int = -1,
    first_channel: bool = False,
) -> np.ndarray:
    """One channel, the mean of all, as float32 `[T]`.

    Args:
        path: any file that libsndfile reads.
        sample_rate: Hz; a file of another rate is resampled. None keeps the file's own rate.
        start, n_samples: the part to read, in samples of the file (-1: to its end).
        first_channel: take it instead of the mean, which combs what several microphones of a room heard.

    Raises:
        AudioError: the file is no audio, holds fewer samples than its header says, or has NaN or infinite samples.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            expected = file.frames - start if n_samples < 0 else n_samples
            file.seek(start)
            signal = file.read(expected, dtype="float32", always_2d=True)
            signal = (
                signal[:, 0].copy() if first_channel or file.channels == 1 else signal.mean(axis=1)
            )
            own_rate = file.samplerate
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioError(f"{path}: not readable as audio ({_reason(error, path)})") from None
    if len(signal) < expected:
        raise AudioError(
            f"{path}: {len(signal)} samples from {start} on, {expected} expected: truncated?"
        )
    if not np.isfinite(signal).all():
        raise AudioError(
            f"{path}: {np.count_nonzero(~np.isfinite(signal))} samples are NaN or infinite"
        )
    return signal if sample_rate is None else resample(signal, own_rate, sample_rate)


def resample(signal: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """`signal` at `to_rate` (Hz), float32; images and aliases are 130 dB down (soxr HQ).

    >>> resample(np.zeros(22_050, np.float32), 22_050, 48_000).shape
    (48000,)
    """
    if from_rate == to_rate:
        return np.asarray(signal, np.float32)
    return soxr.resample(signal, from_rate, to_rate, quality="HQ").astype(np.float32)


def write(path: str | Path, signal: np.ndarray, sample_rate: int) -> Path:
    """Write `[T]` as 24-bit FLAC at its own level; the file appears whole or not at all.

    Raises:
        AudioError: `signal` holds NaN or exceeds full scale, which an integer format would clip.
    """
    path = Path(path)
    peak = float(np.max(np.abs(signal), initial=0.0))
    if not peak <= 1.0:  # NaN too
        raise AudioError(
            f"{path}: peak {peak}, expected at most 1.0: scale the signal before writing"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    soundfile.write(str(part), signal, sample_rate, format="FLAC", subtype=SUBTYPE)
    return part.replace(path)


def _reason(error: Exception, path: str | Path) -> str:
    if not Path(path).is_file():
        return "there is no such file"
    if not Path(path).stat().st_size:
        return "the file is empty"
    return str(error).rpartition(": ")[2].strip().rstrip(".") or type(error).__name__
