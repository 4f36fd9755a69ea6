"""Folders of speech, noise and rooms: which ones are used, their files, speakers, 48 kHz copies."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib import RUNS
from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.config.fields import resolve
from lib.config.prepare import Prepare
from lib.corpus import demo
from lib.corpus.rooms import make_rooms
from lib.runtime import parallel


class Sources(NamedTuple):
    """Folders that a corpus is made from; `speech` has one folder per speaker.

    Either speech, noise and room impulse responses that are mixed, or clean speech and its noisy
    recordings (`noisy`).
    """

    speech: Path
    noise: Path | None = None
    room: Path | None = None
    noisy: Path | None = None


def choose(
    speech_dir: str | Path = "",
    noise_dir: str | Path = "",
    rir_dir: str | Path = "",
    with_rooms: bool = True,
) -> Sources:
    """The folders that are given; for one that is not, the embedded corpus or simulated rooms.

    Args:
        with_rooms: simulate rooms, which takes a while, if none are given.
    """
    speech = resolve(speech_dir) if speech_dir else None
    noise = resolve(noise_dir) if noise_dir else None
    room = resolve(rir_dir) if rir_dir else None
    if speech is None:
        embedded = demo.make() if with_rooms else demo.make(n_rooms=0)
        speech, noise = embedded.speech, noise or embedded.noise
    elif noise is None:
        noise = demo.make_noise()
    return Sources(speech, noise, room or (make_rooms() if with_rooms else None))


def from_parameters(p: Prepare) -> Sources:
    """The folders that `prepare` reads: recorded pairs (by CSV or by folder), or parts to mix."""
    if p.pairs_csv:
        folder = resolve(p.pairs_csv).parent
        return Sources(folder, noisy=folder)
    if p.noisy_dir:
        return Sources(resolve(p.speech_dir), noisy=resolve(p.noisy_dir))
    return choose(p.speech_dir, p.noise_dir, p.rir_dir, with_rooms=p.p_reverb > 0)


def find_files(root: Path, kind: str, glob: str = "**/*") -> list[str]:
    """Paths below `root` of its audio files that match `glob`.

    Raises:
        ValueError: there is no such file; the message calls them `kind` files.
    """
    paths = [path.relative_to(root).as_posix() for path in files.find(root, glob)]
    if not paths:
        pattern = f"{glob} with the endings {' '.join(sorted(files.SUFFIXES))}"
        raise ValueError(f"{root}: no {kind} files in it (looked for {pattern})")
    return paths


def speaker_of(path: str, root: Path, pattern: str = "") -> str:
    r"""The speaker of a file: the first folder below `root`, or the name of `root` without one.

    Args:
        path: below `root`.
        pattern: a regular expression whose first group is the speaker, for names like
            `book_00_reader_06709_0.wav`. It is searched in `path`.

    Raises:
        ValueError: `pattern` is not found in the path.

    >>> speaker_of("p225/wav48/p225_001.wav", Path("vctk")), speaker_of("a.wav", Path("anna"))
    ('p225', 'anna')
    >>> speaker_of("read/book_00_reader_06709_0.wav", Path("dns"), r"reader_(\d+)")
    '06709'
    """
    if pattern:
        match = re.search(pattern, path)
        if not match:
            raise ValueError(
                f"speaker_pattern = {pattern!r} is not found in {path}:"
                " every path must name its speaker"
            )
        return match[1]
    return path.split("/")[0] if "/" in path else root.name


def at_48_khz(paths: Sequence[Path]) -> list[Path]:
    """The paths of the same audio at 48 kHz in one channel, in the order given.

    Such files stay as they are. Of each other file, and of an MP3, a copy is made once (24-bit
    FLAC) under `runs/cache/48_khz`; its name holds a hash of path, size and time of change.
    """
    mono_paths, missing = [], []
    for path in paths:
        head, status = files.info(path), path.stat()
        # Parts of an MP3 cannot be read exactly, and its header only estimates its length.
        if (head.sample_rate, head.channels) == (SAMPLE_RATE, 1) and head.container != "MP3":
            mono_paths.append(path)
            continue
        identity = f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"
        key = hashlib.sha256(identity.encode()).hexdigest()[:16]
        copy = RUNS / "cache" / "48_khz" / f"{path.stem}_{key}{files.EXTENSION}"
        mono_paths.append(copy)
        if not copy.exists():
            missing.append((path, copy))
    if missing:
        list(parallel.each(_copy_at_48_khz, missing, "copies at 48 kHz"))
    return mono_paths


def _copy_at_48_khz(path: Path, copy: Path) -> None:
    signal = files.read(path, SAMPLE_RATE)
    files.write(copy, signal / max(1.0, float(np.abs(signal).max(initial=0.0))), SAMPLE_RATE)
