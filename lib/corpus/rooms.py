"""Room impulse responses: simulated by pyroomacoustics, cut at the direct path, measured."""

from pathlib import Path

import numpy as np

from lib import RUNS
from lib.audio import files
from lib.audio.files import SAMPLE_RATE
from lib.runtime.once import make_once
from lib.runtime.progress import progress

T60_SECONDS = (0.2, 0.6)  # of rooms: a furnished study to a bare meeting room


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
                name = f"room_{i + 1:02d}_t60_{t60(rir, SAMPLE_RATE):.2f}"
                files.write(part / f"{name}{files.EXTENSION}", rir, SAMPLE_RATE)

    make_once(folder, {"version": 1, "n_rooms": n_rooms, "seed": seed}, fill)
    return folder


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
        size,
        fs=SAMPLE_RATE,
        materials=pra.Material(absorption),
        max_order=max_order,
        air_absorption=True,
    )
    while True:
        microphone, direction = rng.uniform(0.5, size - 0.5), rng.normal(size=3)
        source = microphone + rng.uniform(0.3, 1.5) * direction / np.linalg.norm(direction)
        if np.all(source > 0.3) and np.all(source < size - 0.3):
            break
    room.add_source(source).add_microphone(microphone)
    room.compute_rir()
    rir = room.rir[0][0]
    direct = (
        np.linalg.norm(source - microphone) / room.c * SAMPLE_RATE
        + pra.constants.get("frac_delay_length") // 2
    )
    rir = rir[max(0, round(direct) - SAMPLE_RATE // 500) :][: round(1.2 * seconds * SAMPLE_RATE)]
    return 0.9 * rir / np.abs(rir).max()


def direct_path(rir: np.ndarray) -> tuple[np.ndarray, int]:
    """Cut a response `[T]` so that it starts with its direct path at gain 1, and say how many samples came before.

    The direct path is the first peak within 6 dB of the highest one: a reflection may be louder than the direct sound.

    Raises `ValueError` for a silent response.

    >>> response, n_before = direct_path(np.array([0.0, 0.0, 0.5, 0.125]))
    >>> response.tolist(), n_before
    ([1.0, 0.25], 2)
    """
    level = np.abs(rir)
    if level.max(initial=0.0) < 1e-7:
        raise ValueError("the impulse response is silent")
    first = int(np.argmax(level > level.max() / 2))
    while first + 1 < len(level) and level[first + 1] > level[first]:  # up the slope to its top
        first += 1
    return (rir[first:] / rir[first]).astype(np.float32), first


def t60(rir: np.ndarray, sample_rate: int) -> float:
    """Seconds in which a room's energy decays by 60 dB: twice the fall of Schroeder's integral between -5 and -35 dB.

    >>> t = np.arange(48_000) / 48_000
    >>> round(t60(10 ** (-3 * t / 0.5), 48_000), 3)
    0.5
    """
    energy = np.cumsum(np.square(rir, dtype=np.float64)[::-1])[::-1]
    level = 10 * np.log10(np.maximum(energy / energy[0], 1e-12))
    return float(2 * (np.argmax(level < -35) - np.argmax(level < -5)) / sample_rate)
