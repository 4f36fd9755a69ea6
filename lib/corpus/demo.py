"""The embedded corpus: speech, noise and rooms made on the spot, from installed packages alone.

It shows that the whole path works; the voice holds nothing above 11 kHz. piper speaks, noises are
synthesised, pyroomacoustics simulates rooms. All bytes follow from settings and seed. A second
call skips what is complete and finishes what was cut short. Speech, noise and rooms lie in folders
of their own, so that own recordings can replace each of them.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib import RUNS
from lib.audio import files
from lib.corpus.noises import Voices, at_level, make_noises
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
    """Make the embedded corpus, unless it is there: about a minute for seven minutes of speech.

    Args:
        folder: gets `speech` and `noise`; the rooms are in `rooms` beside it. A corpus that was
            made with other settings is replaced.
        n_sentences: 1 to 160, a file each.
        n_rooms: see `make_rooms`. 0: rooms are not wanted, and those that are there stay.
        seed: of levels, noises and rooms.

    Raises:
        ValueError: `n_sentences` is out of range.
        RuntimeError: piper or its voice is not installed, or fails.
        FileExistsError: `folder` holds files that were not made by this function.
    """
    if not 1 <= n_sentences <= N_CORPUS:
        raise ValueError(f"n_sentences is {n_sentences}, expected 1 to {N_CORPUS}")
    folder = Path(folder)

    def fill(part: Path) -> None:
        _make_speech(part / "speech" / "joe", n_sentences, seed)
        make_noises(part / "noise", seed, _speak_babble)

    text_hash = hashlib.sha256("\n".join(SENTENCES).encode()).hexdigest()[:16]
    settings = {"version": 1, "n_sentences": n_sentences, "seed": seed, "sentences": text_hash}
    make_once(folder, settings, fill)
    rooms = folder.with_name("rooms")
    if n_rooms:
        make_rooms(rooms, n_rooms, seed)
    return DemoFolders(folder / "speech", folder / "noise", rooms)


def make_noise(folder: str | Path = RUNS / "demo", seed: int = 0) -> Path:
    """The folder of the embedded noises, without its 160 sentences unless they are there.

    Args:
        folder: of the embedded corpus. If it is missing, the noises are made beside it, in
            `demo_noise`, and stay there: a corpus that was prepared with them finds them again.
        seed: of the noises.

    Raises:
        RuntimeError, FileExistsError: as in `make`.
    """
    folder = Path(folder)
    alone = folder.with_name(f"{folder.name}_noise")
    if folder.exists() and not alone.exists():
        return folder / "noise"
    settings = {"version": 1, "seed": seed}
    make_once(alone, settings, lambda part: make_noises(part / "noise", seed, _speak_babble))
    return alone / "noise"


def _make_speech(folder: Path, n_sentences: int, seed: int) -> None:
    """Write the first sentences that `folder` lacks, each at a level that is drawn from `seed`."""
    paths = [folder / f"joe_{i + 1:03d}{files.EXTENSION}" for i in range(n_sentences)]
    missing = [i for i in range(n_sentences) if not paths[i].exists()]
    for i, signal, sample_rate in progress(speak(missing), "speech", len(missing)):
        level_db = np.random.default_rng((seed, i)).uniform(*SPEECH_DB)
        files.write(paths[i], at_level(signal, level_db), sample_rate)


def _speak_babble() -> Voices:
    """The sentences that are no part of the corpus."""
    numbers = list(range(N_CORPUS, len(SENTENCES)))
    spoken = progress(speak(numbers), "babble", len(numbers))
    return [(sentence.signal, sentence.sample_rate) for sentence in spoken]
