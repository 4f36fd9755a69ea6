"""A bank of simulated rooms: impulse responses by pyroomacoustics' image method."""

from pathlib import Path

import numpy as np

from lib import RUNS
from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.corpus.impulse_responses import t60
from lib.runtime.once import make_once
from lib.runtime.progress import progress

T60_SECONDS = (0.2, 0.6)  # a furnished study to a bare meeting room
SMALLEST_ROOM = (2.5, 2.5, 2.3)  # m
LARGEST_ROOM = (8.0, 6.0, 3.2)
DISTANCE = (0.3, 1.5)  # m between source and microphone
LEAD_IN = SAMPLE_RATE // 500  # samples (2 ms) that a response keeps before the direct sound


def make_rooms(folder: str | Path = RUNS / "rooms", n_rooms: int = 12, seed: int = 0) -> Path:
    """Simulate rooms into `folder`, unless they are there already; returns `folder`.

    Shoebox rooms of 2.5 x 2.5 x 2.3 to 8 x 6 x 3.2 m, source and microphone 0.3 to 1.5 m apart.
    The T60 of Sabine's formula goes evenly from 0.2 to 0.6 s. The file's name holds the measured
    T60, which is up to a quarter less. Files are 24-bit FLAC at 48 kHz.
    """
    folder = Path(folder)

    def fill(part: Path) -> None:
        for i in progress(range(n_rooms), "rooms"):
            if not list(part.glob(f"room_{i + 1:02d}_*")):
                rir = _room(np.random.default_rng((seed, i)), np.linspace(*T60_SECONDS, n_rooms)[i])
                name = f"room_{i + 1:02d}_t60_{t60(rir, SAMPLE_RATE):.2f}"
                files.write(part / f"{name}{files.EXTENSION}", rir, SAMPLE_RATE)

    make_once(folder, {"version": 1, "n_rooms": n_rooms, "seed": seed}, fill)
    return folder


def _room(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """An impulse response with a T60 of about `seconds` and a peak of 0.9."""
    import pyroomacoustics as pra

    # Several threads would sum in another order, and so change the last bits.
    pra.constants.set("num_threads", 1)
    size, absorption, max_order = _walls(rng, seconds)
    room = pra.ShoeBox(
        size,
        fs=SAMPLE_RATE,
        materials=pra.Material(absorption),
        max_order=max_order,
        air_absorption=True,
    )
    source, microphone = _positions(rng, size)
    room.add_source(source).add_microphone(microphone)
    room.compute_rir()
    rir = room.rir[0][0]
    direct = np.linalg.norm(source - microphone) / room.c * SAMPLE_RATE
    direct += pra.constants.get("frac_delay_length") // 2
    rir = rir[max(0, round(direct) - LEAD_IN) :][: round(1.2 * seconds * SAMPLE_RATE)]
    return 0.9 * rir / np.abs(rir).max()


def _walls(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, float, int]:
    """Size in m, absorption of the walls and order of reflections for a T60 of `seconds`."""
    import pyroomacoustics as pra

    # A large room cannot be as dead as a small one: draw until Sabine's formula has a solution.
    while True:
        size = rng.uniform(SMALLEST_ROOM, LARGEST_ROOM)
        try:
            return size, *pra.inverse_sabine(seconds, size)
        except ValueError:
            continue


def _positions(rng: np.random.Generator, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Source and microphone, in m: the source at least 0.3, the microphone 0.5 m off the walls."""
    while True:
        microphone, direction = rng.uniform(0.5, size - 0.5), rng.normal(size=3)
        source = microphone + rng.uniform(*DISTANCE) * direction / np.linalg.norm(direction)
        if np.all(source > 0.3) and np.all(source < size - 0.3):
            return source, microphone
