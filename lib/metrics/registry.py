"""The table of all scores: their functions, their better side, their ideal value.

Signals are mono float32 `[T]` of equal length and sample-aligned: no score searches for a delay,
except PESQ. A score that cannot be computed (PESQ of silence, LSD of no bins) is NaN, never zero.
LSD and MCD stop at `bandwidth_hz`, the upper edge of what the clean recording holds.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from lib.metrics.colour import colour_db
from lib.metrics.distillmos import distillmos
from lib.metrics.dnsmos import dnsmos
from lib.metrics.estoi import estoi
from lib.metrics.loudness import loudness_difference_lu
from lib.metrics.lsd import lsd_db, over_attenuation_db
from lib.metrics.mcd import mcd_db
from lib.metrics.pauses import pause_level_db
from lib.metrics.pesq import pesq_wb
from lib.metrics.phones import phone_error
from lib.metrics.pitch import pitch
from lib.metrics.plcmos import plcmos
from lib.metrics.si_sdr import si_sdr_db
from lib.metrics.speaker_similarity import speaker_similarity
from lib.metrics.visqol import MAX_MOS, visqol


class Score(NamedTuple):
    """One line of the table.

    Args:
        names: of what the function returns: one, or several separated by spaces.
        function: its parameters are any of `estimate`, `reference`, `sample_rate` and
            `bandwidth_hz`, by these names. It returns a float, or for several names a dict.
        better: "higher" or "lower".
        ideal: the score of the clean recording against itself; None if that depends on it.
    """

    names: str
    function: Callable
    better: str
    ideal: float | None


# None of the judges hears above 8 kHz, but ViSQOL (15 kHz): there the bands of the LSD tell.
LSD_BANDS = {
    "lsd_2k_4k_db": {"above_hz": 2000.0, "below_hz": 4000.0},
    "lsd_4k_8k_db": {"above_hz": 4000.0, "below_hz": 8000.0},
    "lsd_8k_16k_db": {"above_hz": 8000.0, "below_hz": 16_000.0},
    "lsd_16k_24k_db": {"above_hz": 16_000.0},
}
# To add a score, write its function in a file of its own and add a line here. Its label, unit and
# decimals go to `labels`. Tables show the scores in this order.
SCORES = (
    # The jury: judges that no loss knows.
    Score("distillmos", distillmos, "higher", None),
    Score("dnsmos_sig dnsmos_bak dnsmos_ovrl dnsmos_p808", dnsmos, "higher", None),
    Score("visqol", visqol, "higher", MAX_MOS),
    Score("speaker_similarity", speaker_similarity, "higher", 1.0),
    Score("phone_error", phone_error, "lower", 0.0),
    # What a restorer must not do.
    Score("pause_level_db", pause_level_db, "lower", None),
    Score("colour_db", colour_db, "lower", 0.0),
    Score("loudness_difference_lu", loudness_difference_lu, "lower", 0.0),
    Score("f0_error_cents voicing_error", pitch, "lower", 0.0),
    # Distances of spectra, relatives of the losses.
    Score("lsd_db", lsd_db, "lower", 0.0),
    Score("lsd_above_4k_db", partial(lsd_db, above_hz=4000.0), "lower", 0.0),
    *(Score(name, partial(lsd_db, **band), "lower", 0.0) for name, band in LSD_BANDS.items()),
    Score("mcd_db", mcd_db, "lower", 0.0),
    Score("over_attenuation_db", over_attenuation_db, "lower", 0.0),
    # Reported, and they decide nothing.
    Score("pesq", pesq_wb, "higher", 4.643888),
    Score("estoi", estoi, "higher", 1.0),
    Score("si_sdr_db", si_sdr_db, "higher", np.inf),
    Score("plcmos", plcmos, "higher", None),
)
# Judges that no loss knows and that compare systems: they decide. DNSMOS P.835 is a loss, too, and
# only reported; P.808 is another network.
JURY = ("distillmos", "dnsmos_p808", "visqol", "speaker_similarity", "phone_error")
# The quick scores, at which comparisons look.
CORE = ("pesq", "estoi", "si_sdr_db", "lsd_db", "lsd_above_4k_db", "mcd_db")
# Of the jury, those that are quick enough to validate each epoch. They choose the epoch and put
# runs in order, each unless it is a loss term of the run. PESQ and the spectra have no say in it.
SELECTION = ("distillmos", "visqol", "speaker_similarity")

_BY_NAME = {name: score for score in SCORES for name in score.names.split()}
ALL = tuple(_BY_NAME)
# A score times its sign is higher where it is better.
SIGN = {name: 1 if score.better == "higher" else -1 for name, score in _BY_NAME.items()}
IDEAL = {name: score.ideal for name, score in _BY_NAME.items() if score.ideal is not None}


def compute_scores(
    estimate: np.ndarray,
    reference: np.ndarray,
    sample_rate: int,
    bandwidth_hz: float,
    names: Sequence[str] = CORE,
) -> dict[str, float]:
    """The scores `names` (of `ALL`) of one estimate, in that order.

    Args:
        bandwidth_hz: upper edge of what the reference holds, see `lib.audio.bandwidth`.

    Raises:
        KeyError: no score has this name.

    >>> tone = np.sin(np.arange(48_000) / 7)
    >>> compute_scores(0.5 * tone, tone, 48_000, 24_000.0, ["loudness_difference_lu", "lsd_db"])
    {'loudness_difference_lu': 6.02..., 'lsd_db': ...}
    """
    arguments = {
        "estimate": estimate,
        "reference": reference,
        "sample_rate": sample_rate,
        "bandwidth_hz": bandwidth_hz,
    }
    results = {}
    for score in dict.fromkeys(_BY_NAME[name] for name in names):
        parameters = inspect.signature(score.function).parameters
        result = score.function(**{k: v for k, v in arguments.items() if k in parameters})
        results |= result if isinstance(result, dict) else {score.names: result}
    return {name: results[name] for name in names}
