"""Phones: are the same sounds recognised as in the clean recording?"""

from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np

from lib.audio import files
from lib.metrics.checks import is_too_short

MODEL_RATE = 16_000  # Hz, of the acoustic model
NO_PHONES = ("SIL", "+SPN+", "+NSN+")  # silence and noises
PEAK = 0.5  # of what the recogniser hears


def phone_error(estimate: np.ndarray, reference: np.ndarray, sample_rate: int) -> float:
    """Edit distance of two sequences of phones over the longer one's length: 0 (best) to 1.

    The recogniser is pocketsphinx with its own acoustic model and phone model (US English). It
    spells other languages with English phones, which a distance between two readings of one
    utterance allows. NaN where no phone is found in the reference, for silence or less than 0.4 s.
    """
    silent = not np.any(estimate) or not np.any(reference)
    if silent or is_too_short(reference, sample_rate):
        return float("nan")
    signals = (np.asarray(signal, np.float32).tobytes() for signal in (estimate, reference))
    ours, theirs = (_phones(signal, sample_rate) for signal in signals)
    # Not over the length of the reference: two phones that are heard as twenty would outweigh all.
    return edit_distance(ours, theirs) / max(len(ours), len(theirs)) if theirs else float("nan")


def edit_distance(estimate: Sequence[str], reference: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions between two sequences (Levenshtein).

    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(reference) + 1))
    for i, ours in enumerate(estimate, start=1):
        before, row[0] = row[0], i
        for j, theirs in enumerate(reference, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (ours != theirs))
    return row[-1]


@lru_cache(8)  # the systems of an item share its clean signal
def _phones(signal: bytes, sample_rate: int) -> tuple[str, ...]:
    samples = files.resample(np.frombuffer(signal, np.float32), sample_rate, MODEL_RATE)
    scaled = samples * (PEAK / max(float(np.abs(samples).max()), 1e-9))
    decoder = _decoder()
    decoder.reinit_feat()  # else its running means depend on what it heard before
    decoder.start_utt()
    decoder.process_raw((scaled * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    return tuple(part.word for part in decoder.seg() if part.word not in NO_PHONES)


@cache
def _decoder():
    from pocketsphinx import Decoder, get_model_path

    model = get_model_path("en-us/en-us-phone.lm.bin")
    # lw, pip, beams: pocketsphinx' own advice for the recognition of phones
    return Decoder(
        allphone=model, lw=2.0, pip=0.3, beam=1e-10, pbeam=1e-10, cmn="batch", loglevel="FATAL"
    )
