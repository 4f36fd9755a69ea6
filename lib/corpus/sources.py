"""Folders of speech, noise and rooms: which are used, what is in their files, and which of them are of no use, and why."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib import RUNS
from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus import demo
from lib.corpus.rooms import make_rooms
from lib.runtime import parallel


class Sources(NamedTuple):
    """Folders of speech (one folder per speaker), noise and room impulse responses; or of speech and its noisy recordings."""

    speech: Path
    noise: Path | None = None
    room: Path | None = None
    noisy: Path | None = None


def choose(speech_dir: str = "", noise_dir: str = "", rir_dir: str = "") -> Sources:
    """The folders that are named; the embedded corpus and the bank of simulated rooms where none is."""
    speech, noise, room = (
        place(given) if given else None for given in (speech_dir, noise_dir, rir_dir)
    )
    if speech is None or noise is None:
        embedded = demo.make()
        speech, noise = speech or embedded.speech, noise or embedded.noise
    return Sources(speech, noise, room or make_rooms())


def from_parameters(p) -> Sources:
    """What `prepare` is to read, from its parameters (config.Prepare): own pairs, or folders to mix."""
    if p.pairs_csv:
        folder = place(p.pairs_csv).parent
        return Sources(folder, noisy=folder)
    if p.noisy_dir:
        return Sources(place(p.speech_dir), noisy=place(p.noisy_dir))
    return choose(p.speech_dir, p.noise_dir, p.rir_dir)


def place(given: str) -> Path:
    """Where a folder that a user names lies; a relative path counts from where the command was typed."""
    return Path(given).expanduser().resolve()


def find_files(root: Path, kind: str, glob: str = "**/*") -> list[str]:
    """Paths below `root` of its audio files that match `glob`. Raises `ValueError` if there is none."""
    paths = [path.relative_to(root).as_posix() for path in files.find(root, glob)]
    if not paths:
        looked_for = f"{glob} with the endings {' '.join(sorted(files.SUFFIXES))}"
        raise ValueError(f"{root}: no {kind} files in it (looked for {looked_for})")
    return paths


def at_48_khz(paths: Sequence[Path], n_processes: int = 1) -> list[Path]:
    """The same audio at 48 kHz in one channel: files that are so already, and copies of the others, made once (24-bit FLAC).

    The copies lie under `runs/cache/48_khz`, named by a hash of path, size and time, in the order given.
    """
    made, wanted = [], []
    for path in paths:
        head, status = files.info(path), path.stat()
        if (head.sample_rate, head.channels) == (SAMPLE_RATE, 1):
            made.append(path)
            continue
        key = hashlib.sha256(
            f"{path.resolve()} {status.st_size} {status.st_mtime_ns}".encode()
        ).hexdigest()[:16]
        made.append(RUNS / "cache" / "48_khz" / f"{path.stem}_{key}{files.EXTENSION}")
        if not made[-1].exists():
            wanted.append((path, made[-1]))
    if wanted:
        list(parallel.each(_copy_at_48_khz, wanted, "copies at 48 kHz", n_processes))
    return made


def speaker_of(path: str, root: Path, pattern: str = "") -> str:
    r"""The first folder below `speech_dir`; without one, the name of `speech_dir` itself.

    Args:
        pattern: a regular expression whose first group in the path is the speaker, for names like `book_00_reader_06709_0.wav`.

    Raises:
        ValueError: `pattern` is not found in the path.

    >>> speaker_of("p225/wav48/p225_001.wav", Path("vctk")), speaker_of("a.wav", Path("anna"))
    ('p225', 'anna')
    >>> speaker_of("read/book_00_reader_06709_0.wav", Path("dns"), r"reader_(\d+)")
    '06709'
    """
    if pattern:
        found = re.search(pattern, path)
        if not found:
            raise ValueError(
                f"speaker_pattern = {pattern!r} is not found in {path}: every path must tell its speaker"
            )
        return found[1]
    return path.split("/")[0] if "/" in path else root.name


def _copy_at_48_khz(path: Path, copy: Path) -> None:
    signal = files.read(path, SAMPLE_RATE)
    files.write(copy, signal / max(1.0, float(np.abs(signal).max(initial=0.0))), SAMPLE_RATE)
