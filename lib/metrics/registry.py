"""Scores of an estimate against its clean reference.

Signals are mono float32 numpy arrays `[T]` of equal length, sample-aligned: no function here searches for a delay.
Arguments come as (estimate, reference). What cannot be computed (PESQ of silence, LSD of no bins) is NaN: missing,
never zero. LSD and MCD stop at `bandwidth_hz`, what the clean recording really holds: above it there is nothing to hit.
"""

from collections.abc import Sequence

import numpy as np

from lib.metrics.dnsmos import dnsmos
from lib.metrics.estoi import estoi
from lib.metrics.loudness import loudness_difference_lu
from lib.metrics.lsd import lsd_db, over_attenuation_db
from lib.metrics.mcd import mcd_db
from lib.metrics.pauses import pause_level_db
from lib.metrics.pesq import pesq_wb
from lib.metrics.pitch import pitch
from lib.metrics.si_sdr import si_sdr_db

NAMES = (
    "pesq",
    "estoi",
    "si_sdr_db",
    "lsd_db",
    "lsd_above_4k_db",
    "mcd_db",
)  # what training and comparisons look at
SELECTION = (
    "lsd_db",
    "mcd_db",
    "pesq",
)  # by which epochs are chosen and items put in order; the GAN has no say in it
PITCH = ("f0_error_cents", "voicing_error")
DNSMOS = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808")
ALL = (*NAMES, "over_attenuation_db", "pause_level_db", "loudness_difference_lu", *PITCH, *DNSMOS)
LOWER = (
    *NAMES[3:],
    "over_attenuation_db",
    "pause_level_db",
    "loudness_difference_lu",
    *PITCH,
)  # is better
SIGN = {name: -1 if name in LOWER else 1 for name in ALL}  # times the score: higher is better
BEST = {
    "pesq": 4.643888,
    "estoi": 1.0,
    "si_sdr_db": np.inf,
} | {  # of the clean recording against itself
    name: 0.0 for name in LOWER if name != "pause_level_db"
}


def compute_scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float,
    names: Sequence[str] = NAMES,
) -> dict[str, float]:
    """The scores `names` (of `ALL`) of one estimate. Raises `KeyError` for a name that there is not."""
    pair, limits = (estimate, reference), (sample_rate, bandwidth_hz)
    score = {
        "pesq": lambda: pesq_wb(*pair, sample_rate),
        "estoi": lambda: estoi(*pair, sample_rate),
        "si_sdr_db": lambda: si_sdr_db(*pair),
        "lsd_db": lambda: lsd_db(*pair, *limits),
        "lsd_above_4k_db": lambda: lsd_db(*pair, *limits, above_hz=4000.0),
        "mcd_db": lambda: mcd_db(*pair, *limits),
        "over_attenuation_db": lambda: over_attenuation_db(*pair, *limits),
        "pause_level_db": lambda: pause_level_db(*pair, sample_rate),
        "loudness_difference_lu": lambda: loudness_difference_lu(*pair, sample_rate),
    }
    several = {
        PITCH: lambda: pitch(*pair, sample_rate),
        DNSMOS: lambda: dnsmos(estimate, sample_rate),
    }
    found = {name: score[name]() for name in names if name in score}
    for group, compute in several.items():
        found |= compute() if set(group) & set(names) else {}
    return {name: found[name] for name in names}
