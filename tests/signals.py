"""Signals and folders of files that tests share, made from a seed."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import firwin, lfilter

from lib.audio import files, mp3

RATE = 48_000


def voiced(seconds: float, seed: int = 0, sample_rate: int = RATE) -> np.ndarray:
    """A substitute for speech: a pulse train through formants, four syllables a second, breath.

    The breath reaches up to half the sample rate.
    """
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    pitch = 110 + 10 * (seed % 8)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 2 * t))) / sample_rate
    weights = [(1 + 3 * np.exp(-(((pitch * k - 700) / 300) ** 2))) / k for k in range(1, 40)]
    harmonics = sum(weight * np.sin(k * phase) for k, weight in enumerate(weights, start=1))
    syllables = np.clip(
        np.sin(2 * np.pi * (4 * t + np.sin(2 * np.pi * 0.7 * t) + rng.random())), 0, 1
    )
    return (0.05 * (harmonics + 0.5 * rng.standard_normal(len(t))) * syllables).astype(np.float32)


def noise(seconds: float = 2.0, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(
        np.float32
    )


def speech_like(seconds: float = 3.0, seed: int = 0) -> np.ndarray:
    """Syllables of harmonics of 120 Hz and bursts of hiss, which fall by 48 dB up to 24 kHz."""
    rng, t = np.random.default_rng(seed), np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 120 * k * t + rng.uniform(0, 6)) / k**1.5 for k in range(1, 60))
    hz = np.fft.rfftfreq(len(t), 1 / RATE)
    hiss = np.fft.irfft(np.fft.rfft(rng.standard_normal(len(t))) * 10 ** (-hz / 10_000), len(t))
    rhythm = 2 * np.pi * 3 * t
    signal = (
        voice * np.maximum(np.sin(rhythm), 0) + hiss * np.maximum(-np.sin(rhythm), 0) + 1e-4 * hiss
    )
    return (0.3 * signal / np.abs(signal).max()).astype(np.float32)


def write(
    path: Path,
    signal: np.ndarray,
    sample_rate: int = RATE,
    subtype: str | None = None,
    **form: str,
) -> Path:
    """As any format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, signal, sample_rate, subtype=subtype, **form)
    return path


def overstated_mp3(path: Path, signal: np.ndarray, n_frames: int) -> Path:
    """An MP3 at 48 kHz whose header announces `n_frames` of 24 ms more than there are."""
    content = bytearray(write(path, signal).read_bytes())
    count = content.index(b"Xing") + 8
    frames = int.from_bytes(content[count : count + 4], "big") + n_frames
    content[count : count + 4] = frames.to_bytes(4, "big")
    path.write_bytes(content)
    return path


def mp3_without_count(path: Path, signal: np.ndarray) -> Path:
    """An MP3 of variable bit rate at 48 kHz without the first frame, which tells its length."""
    soundfile.write(path, signal, RATE, bitrate_mode="VARIABLE", compression_level=0.0)
    content = path.read_bytes()
    n_bytes = mp3.parse_header(content[:4]).n_bytes
    assert b"Xing" in content[:n_bytes] and content[n_bytes] == 0xFF
    path.write_bytes(content[n_bytes:])
    return path


def joined(path: Path, *parts: Path) -> Path:
    """The parts one behind the other, as `cat` writes them."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


@contextmanager
def file_size_limit(n_bytes: int) -> Iterator[None]:
    """No file gets larger than this: what a full disk does, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def good_sources(root: Path, n_files: int = 6) -> Path:
    """`speech` (two speakers), `noise` and `rooms` below `root`."""
    rng = np.random.default_rng(7)
    for speaker in range(2):
        for i in range(n_files):
            signal = voiced(1.2 + 0.1 * i, seed=10 * speaker + i)
            write(root / "speech" / f"speaker{speaker}" / f"s{i}.wav", signal, subtype="PCM_24")
    for i in range(4):
        colour = np.convolve(
            rng.standard_normal(2 * RATE), np.ones(1 + 3 * i) / (1 + 3 * i), "same"
        )
        write(root / "noise" / f"noise{i}.flac", 0.1 * colour)
    for i in range(3):
        decay = (
            0.3 * rng.standard_normal(RATE // 4) * np.exp(-np.arange(RATE // 4) / (500 * (i + 1)))
        )
        decay[: 100 + i] = 0
        decay[100 + i] = 0.9
        write(root / "rooms" / f"room{i}.wav", np.clip(decay, -0.99, 0.99), subtype="FLOAT")
    return root


def odd_and_bad_speech(root: Path) -> dict[str, str]:
    """More speech files below `root`: name -> the reason to skip it, empty for a usable one."""
    write(root / "odd" / "prompt_8k.wav", voiced(1.5, 1, 8_000), 8_000, "PCM_16")
    write(
        root / "odd" / "stereo.wav",
        np.stack([voiced(1.5, 2), voiced(1.5, 2) / 2], axis=1),
        subtype="PCM_16",
    )
    write(root / "odd" / "deep.wav", voiced(1.5, 23), subtype="PCM_24")
    write(root / "odd" / "vorbis_44k.ogg", voiced(1.5, 4, 44_100), 44_100)
    (root / "odd" / "text.wav").write_text("this is no audio\n")
    whole = write(root / "odd" / "truncated.flac", voiced(2.0, 5)).read_bytes()
    (root / "odd" / "truncated.flac").write_bytes(whole[: len(whole) // 2])
    write(root / "odd" / "silent.wav", np.zeros(RATE))
    broken = voiced(1.5, 6)
    broken[1_000:1_010] = np.nan
    write(root / "odd" / "nan.wav", broken, subtype="FLOAT")
    write(root / "odd" / "short.wav", voiced(0.1, 7))
    write(root / "odd" / "clipped.wav", np.clip(40 * voiced(1.5, 8), -1, 1), subtype="PCM_16")
    (root / "odd" / "empty.wav").write_bytes(b"")
    return {
        "prompt_8k.wav": "", "stereo.wav": "", "deep.wav": "", "vorbis_44k.ogg": "",
        "text.wav": "not readable", "truncated.flac": "lost sync", "silent.wav": "silent",
        "nan.wav": "NaN", "short.wav": "0.100 s long",
        "clipped.wav": "of it is clipped", "empty.wav": "not readable",
    }  # fmt: skip


def vowel(f0_hz: float, seconds: float = 2.0) -> np.ndarray:
    """Harmonics that fall by 6 dB an octave, up to 8 kHz."""
    t = np.arange(round(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * k * f0_hz * t + k * k) / k for k in range(1, int(8000 / f0_hz))]
    return (0.1 * np.sum(tones, axis=0)).astype(np.float32)


def low_passed(signal: np.ndarray, edge_hz: float, how: str) -> np.ndarray:
    """`signal` without what lies above `edge_hz`; `how`: resampled, brick wall or steep FIR."""
    if how == "resampled":
        low_rate = int(2 * edge_hz)
        return files.resample(files.resample(signal, RATE, low_rate), low_rate, RATE)
    if how == "brick wall":
        hz = np.fft.rfftfreq(len(signal), 1 / RATE)
        return np.fft.irfft(np.fft.rfft(signal) * (hz < edge_hz), len(signal))
    return lfilter(firwin(2401, edge_hz, window=("kaiser", 9), fs=RATE), 1, signal)
