"""The columns of one row of a plan: what a pair is called, and the random numbers of a mixture.

A row's numbers follow from (seed, path of the utterance below `speech_dir`, item) alone. Each
number is drawn for one purpose: another setting, or one more speech file, changes no other number.
"""

import math
import re
import zlib
from pathlib import Path

import numpy as np

from lib.audio.files import SAMPLE_RATE
from lib.config.prepare import Prepare
from lib.corpus import equaliser, mix
from lib.corpus.codecs import CODECS

CLIP_DB = (1.0, 12.0)  # how far below the peak a recorder clips, if it clips
N_NUMBERS = 14  # random numbers of a row: ten for values, four that turn faults on
# Numbers that follow: of the speed, the equaliser, the codec, three that turn these on and say
# whether there are speech and noise, and that of the formants.
N_MORE_NUMBERS = 1 + equaliser.N_NUMBERS + 1 + 3 + 1
NO_NOISE = {
    "snr_db": float("nan"),
    "noise_path": "",
    "noise_offset": 0,
    "second_noise_path": "",
    "second_noise_offset": 0,
    "second_noise_db": 0.0,
}
NO_SPEECH = {"snr_db": mix.NOISE_ALONE_DB, "rir": "", "early": 0, "speed": 1.0, "formant": 1.0}


def name_columns(p: Prepare, split: str, speaker: str, path: str, item: int) -> dict:
    """The columns of every row; `group` tells known from unseen speakers in the test split."""
    group = ""
    if split == "test":
        group = "unseen speaker" if speaker in p.holdout_speakers else "known speaker"
    return {
        "id": f"{file_name(path)}_{item}",
        "split": split,
        "group": group,
        "speaker": speaker,
        "clean_path": path,
        "noisy_path": "",
        "seed": p.seed,
        "item": item,
    }


def mixture_columns(
    p: Prepare,
    path: str,
    item: int,
    noises: list[str],
    rooms: list[str],
    n_samples: dict[str, int],
    split: str = "train",
    snr_db: float | None = None,
) -> dict:
    """What one utterance meets in one item: SNR, level, noises, room, faults of the recorder.

    A training item may also be played faster, have its formants moved and have an equaliser. A
    training or validation item may be noise without speech.

    Args:
        path: of the utterance, below `speech_dir`.
        item: number of the mixture of this utterance.
        noises, rooms: paths that may be drawn; without rooms there is none.
        n_samples: length of each noise at 48 kHz.
        split: of the item.
        snr_db: of a test of fixed size, instead of what is drawn; NaN: no noise.
    """
    rng = np.random.default_rng([p.seed, zlib.crc32(path.encode()), item])
    # Numbers that came later are drawn last, so that corpora of before keep theirs.
    numbers = iter(rng.random(N_NUMBERS + N_MORE_NUMBERS).tolist())

    def pick(choices: list):
        return choices[int(next(numbers) * len(choices))]

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * next(numbers)

    # The order of these lines is the order of the random numbers, and that of the columns.
    row = {}
    row["snr_db"] = pick(p.snr_db)
    row["scale"] = uniform(p.scale_min, p.scale_max)
    row["noise_path"] = first = pick(noises)
    row["noise_offset"] = int(uniform(0, n_samples[first]))
    row["second_noise_path"] = second = pick(noises)
    row["second_noise_offset"] = int(uniform(0, n_samples[second]))
    row["second_noise_db"] = uniform(*mix.SECOND_NOISE_DB)
    row["rir"] = pick(rooms or [""])
    row["early"] = round(p.early_ms * SAMPLE_RATE / 1000)
    row["lowpass_hz"] = pick(p.lowpass_hz)
    row["clip_db"] = uniform(*CLIP_DB)

    # All values are drawn, then unset where they are not used: so a share changes no other number.
    if next(numbers) >= p.p_second_noise or second == first:
        row |= {"second_noise_path": "", "second_noise_offset": 0, "second_noise_db": 0.0}
    if next(numbers) >= p.p_reverb:
        row |= {"rir": "", "early": 0}
    if next(numbers) >= p.p_lowpass:
        row["lowpass_hz"] = 0.0
    if next(numbers) >= p.p_clip:
        row["clip_db"] = 0.0

    row["speed"] = uniform(p.speed_min, p.speed_max)
    row["equaliser"] = equaliser.draw([next(numbers) for _ in range(equaliser.N_NUMBERS)])
    row["codec"] = pick(list(CODECS))
    if next(numbers) >= p.p_equalise or split != "train":
        row["equaliser"] = ""
    if next(numbers) >= p.p_codec:
        row["codec"] = ""
    # One number for both: no item is without speech and without noise.
    number = next(numbers)
    is_clean, is_noise = number < p.p_clean, number >= 1 - p.p_noise_alone
    row["formant"] = uniform(p.formant_min, p.formant_max)
    if split != "train":
        row |= {"speed": 1.0, "formant": 1.0}
    if snr_db is not None:
        row["snr_db"], is_clean = snr_db, math.isnan(snr_db)
    if is_clean:
        row |= NO_NOISE
    if is_noise and split != "test":
        row |= NO_SPEECH
    return row


def file_name(path: str) -> str:
    """A path as a file's name.

    >>> file_name("p225/a b.wav")
    'p225_a_b'
    """
    return re.sub(r"[^\w.-]+", "_", Path(path).with_suffix("").as_posix()).strip("_.")
