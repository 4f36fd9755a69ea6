"""The embedded corpus: speech, noise and rooms made on the spot, from packages alone. It shows the path, and no more.

piper speaks (GPL: it runs as a child process, from the extra `demo`), noises are synthesised, pyroomacoustics simulates
rooms. All follows from settings and seed, byte by byte; what is complete is never made again, what was cut short goes on.
The voice holds nothing above 11 kHz. Speech, noises and rooms are made apart: own recordings can replace each of them.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib import RUNS
from lib.audio import files
from lib.corpus.noises import at_level, make_noises
from lib.corpus.piper import N_CORPUS, SENTENCES, speak
from lib.corpus.rooms import make_rooms
from lib.runtime.once import make_once
from lib.runtime.progress import progress

SPEECH_DB = (-32.0, -16.0)  # dBFS, range of levels


class DemoFolders(NamedTuple):
    """Folders: speech (one folder per speaker in it), noise, rooms."""

    speech: Path
    noise: Path
    rooms: Path


def make(
    folder: str | Path = RUNS / "demo",
    n_sentences: int = N_CORPUS,
    n_rooms: int = 12,
    seed: int = 0,
) -> DemoFolders:
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
        make_noises(part / "noise", seed)

    said = hashlib.sha256("\n".join(SENTENCES).encode()).hexdigest()[:16]
    make_once(
        folder, {"version": 1, "n_sentences": n_sentences, "seed": seed, "sentences": said}, fill
    )
    return DemoFolders(
        folder / "speech", folder / "noise", make_rooms(folder.with_name("rooms"), n_rooms, seed)
    )


def _make_speech(folder: Path, n_sentences: int, seed: int) -> None:
    paths = [folder / f"joe_{i + 1:03d}{files.EXTENSION}" for i in range(n_sentences)]
    left = [i for i in range(n_sentences) if not paths[i].exists()]
    for i, signal, sample_rate in progress(speak(left), "speech", len(left)):
        level_db = np.random.default_rng((seed, i)).uniform(*SPEECH_DB)
        files.write(paths[i], at_level(signal, level_db), sample_rate)
