"""Audio files: their headers, reading, resampling, writing.

Signals are mono float32 arrays `[T]`; full scale is 1. `soundfile` reads and writes. `soxr`
resamples, because the default resampler of torchaudio leaves images only 20 dB down.
"""

import math
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from lib.audio.folders import files_below, matches
from lib.audio.opening import AudioError, open_sound, unreadable
from lib.runtime.whole_file import whole_file

SAMPLE_RATE = 48_000  # Hz; corpora, models and scores know no other
SUFFIXES = frozenset(".wav .flac .ogg .oga .opus .mp3 .aiff .aif .w64 .caf .au".split())
# The one format that is written: lossless, with a range from full scale to -144 dB.
EXTENSION = ".flac"
SUBTYPE = "PCM_24"
# Seconds that an MP3 may hold less than its first frame announces: some encoders count the frames
# that they planned. Every other header is exact.
MP3_SHORTFALL = 0.5


class Info(NamedTuple):
    """The header of a file. `n_samples` counts per channel."""

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
        """Bits of a sample; NaN for a lossy codec.

        >>> Info("WAV", "PCM_24", 48_000, 1, 480).bits, Info("OGG", "VORBIS", 48_000, 1, 480).bits
        (24, nan)
        """
        integer = re.fullmatch(r"(PCM|ALAC)_[SU]?(\d+)", self.codec)
        if integer:
            return int(integer[2])
        return {"FLOAT": 32, "DOUBLE": 64}.get(self.codec, math.nan)


def find(folder: str | Path, glob: str = "**/*") -> list[Path]:
    """Audio files below `folder` that match `glob`, in the order of their names.

    The suffix decides what an audio file is. Hidden files and folders are left out. Linked folders
    count; a folder that cannot be read is in the list, and reading it says why.
    """
    return sorted(
        path
        for path in files_below(folder)
        if path.is_dir()
        or (path.suffix.lower() in SUFFIXES and matches(path.relative_to(folder), glob))
    )


def info(path: str | Path, whole: bool = False) -> Info:
    """The header of `path`.

    Args:
        whole: look through the whole file for what its header does not tell (see `open_sound`).

    Raises:
        AudioError: it is no audio, or samples would be lost.
    """
    with open_sound(path, whole) as file:
        return Info(file.format, file.subtype, file.samplerate, file.channels, file.frames)


def read(
    path: str | Path,
    sample_rate: int | None = None,
    start: int = 0,
    n_samples: int = -1,
    first_channel: bool = False,
) -> np.ndarray:
    """The mean of all channels, float32 `[T]`.

    Args:
        path: a file of any format that libsndfile reads.
        sample_rate: Hz; a file of another rate is resampled. None keeps the rate of the file.
        start, n_samples: the part to read, in samples of the file; -1 reads to its end. An MP3's
            end may come up to half a second before the one that its header announces.
        first_channel: take the first channel instead of the mean. The mean of several microphones
            in a room is a comb filter.

    Raises:
        AudioError: the file is no audio, holds fewer samples than its header says, or has samples
            that are NaN or infinite.
    """
    shortfall = 0
    try:
        with open_sound(path, whole=start == 0 if n_samples < 0 else None) as file:
            if n_samples < 0:
                shortfall = max_shortfall(file)
            expected = file.frames - start if n_samples < 0 else n_samples
            if file.seekable():
                file.seek(start)
            else:  # GSM 6.10, G.721 and their kind are read from the beginning on
                file.read(start)
            channels = file.read(expected, dtype="float32", always_2d=True)
            file_rate = file.samplerate
    except (soundfile.SoundFileError, OSError) as error:
        raise unreadable(path, error) from None
    one_is_enough = first_channel or channels.shape[1] == 1
    signal = channels[:, 0].copy() if one_is_enough else channels.mean(axis=1)
    if len(signal) < max(expected - shortfall, min(expected, 1)):
        raise AudioError(
            f"{path}: {len(signal)} samples from {start} on, {expected} expected: truncated?"
        )
    if not np.isfinite(signal).all():
        n_broken = np.count_nonzero(~np.isfinite(signal))
        raise AudioError(f"{path}: {n_broken} samples are NaN or infinite")
    return signal if sample_rate is None else resample(signal, file_rate, sample_rate)


def max_shortfall(file: soundfile.SoundFile) -> int:
    """Samples that an open file may hold less than its header says, without being truncated."""
    return round(MP3_SHORTFALL * file.samplerate) if file.format == "MP3" else 0


def resample(signal: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """`signal` at `to_rate` (Hz), float32.

    Images and aliases are 130 dB down (quality HQ of soxr).

    >>> resample(np.zeros(22_050, np.float32), 22_050, 48_000).shape
    (48000,)
    """
    if from_rate == to_rate:
        return np.asarray(signal, np.float32)
    return soxr.resample(signal, from_rate, to_rate, quality="HQ").astype(np.float32)


def write(path: str | Path, signal: np.ndarray, sample_rate: int) -> Path:
    """Write `[T]` as 24-bit FLAC, its level unchanged; the file appears whole or not at all.

    Raises:
        AudioError: `signal` holds NaN, or exceeds full scale, where an integer format clips.
        OSError: it cannot be written, e.g. because the disk is full.
    """
    path = Path(path)
    peak = float(np.max(np.abs(signal), initial=0.0))
    if not peak <= 1.0:  # written so that NaN is refused too
        raise AudioError(
            f"{path}: peak {peak}, expected at most 1.0: scale the signal before writing"
        )
    with whole_file(path) as file:
        soundfile.write(file, signal, sample_rate, format="FLAC", subtype=SUBTYPE)
    return path


def printable(path: str | Path) -> str:
    """A path as text: bytes of a name that are not UTF-8 are escaped.

    >>> printable("caf\\udce9.wav")
    'caf\\\\xe9.wav'
    """
    return os.fsencode(path).decode(errors="backslashreplace")
