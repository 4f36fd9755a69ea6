"""What a mixture made while training may meet beside noise: a room, an equaliser, a recorder.

The signal path is that of prepared pairs (`mix.mix`, `equaliser`); only the numbers are drawn anew
for each item.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import SAMPLE_RATE
from lib.corpus import equaliser
from lib.corpus.codecs import CODECS
from lib.corpus.draws import CLIP_DB
from lib.corpus.mixed_pairs import read_room


class Conditions(NamedTuple):
    """Probabilities and choices, as `prepare` has them; by default there is noise and nothing else.

    early: samples of a room's response that belong to the target.
    """

    p_clean: float = 0.0
    p_reverb: float = 0.0
    rooms: tuple[Path, ...] = ()
    early: int = 0
    p_lowpass: float = 0.0
    lowpass_hz: tuple[float, ...] = ()
    p_clip: float = 0.0
    p_codec: float = 0.0
    p_equalise: float = 0.0
    p_noise_alone: float = 0.0
    formant_min: float = 1.0
    formant_max: float = 1.0


class Drawn(NamedTuple):
    """The conditions of one item; `rir`, `equaliser`, `codec` may be empty, numbers 0: none.

    clean: no noise. noise_alone: no speech. formant: the factor by which formants move.
    """

    clean: bool = False
    rir: str = ""
    early: int = 0
    equaliser: str = ""
    lowpass_hz: float = 0.0
    clip_db: float = 0.0
    codec: str = ""
    noise_alone: bool = False
    formant: float = 1.0

    def room(self) -> np.ndarray | None:
        """The room's response at 48 kHz from its direct path on."""
        return read_room(Path(self.rir))[0] if self.rir else None

    def room_bandwidth_hz(self) -> float:
        """The highest frequency that the room's response holds; 24 kHz without a room."""
        return _room_bandwidth_hz(self.rir) if self.rir else SAMPLE_RATE / 2


def draw(conditions: Conditions, rng: np.random.Generator) -> Drawn:
    """The conditions of an item.

    All numbers are drawn, used or not: so a share changes no other number.

    >>> draw(Conditions(), np.random.default_rng(0)) == Drawn()
    True
    >>> draw(Conditions(p_clip=1.0, p_codec=1.0), np.random.default_rng(0)).codec
    'vorbis_60k'
    """
    shares = rng.random(6)
    choices = rng.random(4)
    bands = rng.random(equaliser.N_NUMBERS)
    formant = float(rng.uniform(conditions.formant_min, conditions.formant_max))

    def pick(among: tuple, number: float):
        return among[int(number * len(among))]

    # One number for both: no item is without speech and without noise.
    drawn = {"clean": bool(shares[0] < conditions.p_clean), "formant": formant}
    drawn["noise_alone"] = bool(shares[0] >= 1 - conditions.p_noise_alone)
    if conditions.rooms and shares[1] < conditions.p_reverb:
        drawn |= {"rir": str(pick(conditions.rooms, choices[0])), "early": conditions.early}
    if shares[2] < conditions.p_equalise:
        drawn["equaliser"] = equaliser.draw(bands)
    if conditions.lowpass_hz and shares[3] < conditions.p_lowpass:
        drawn["lowpass_hz"] = pick(conditions.lowpass_hz, choices[1])
    if shares[4] < conditions.p_clip:
        drawn["clip_db"] = float(CLIP_DB[0] + (CLIP_DB[1] - CLIP_DB[0]) * choices[2])
    if shares[5] < conditions.p_codec:
        drawn["codec"] = pick(tuple(CODECS), choices[3])
    if drawn["noise_alone"]:
        drawn |= {"rir": "", "early": 0, "formant": 1.0}
    return Drawn(**drawn)


@lru_cache(maxsize=1_000)
def _room_bandwidth_hz(path: str) -> float:
    return bandwidth_hz(read_room(Path(path))[0], SAMPLE_RATE)
