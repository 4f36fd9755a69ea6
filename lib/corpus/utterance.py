"""Recordings of words as one utterance: cut, brought to one level, joined with natural pauses."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lib.audio.bandwidth import bandwidth_hz
from lib.audio.files import SAMPLE_RATE
from lib.corpus import mix

FRAME_LENGTH = SAMPLE_RATE // 100  # 10 ms
SILENT_DB = -45.0  # re the loudest frame of a recording: what is fainter is no speech
MARGIN_LENGTH = SAMPLE_RATE // 4  # samples of its own silence that an utterance's ends keep
# A ramp lies in a recording's own silence. One that begins with speech gets the shortest ramp,
# which takes a click away and leaves a consonant.
RAMP_LENGTH = (SAMPLE_RATE // 200, SAMPLE_RATE // 20)  # 5 to 50 ms
PEAK = 0.99  # highest peak of an utterance


class Word(NamedTuple):
    """A short recording at 48 kHz: its samples, those of its speech, level (dB re 1), band."""

    n_samples: int
    start: int
    stop: int
    level_db: float
    bandwidth_hz: float


def measure(recording: np.ndarray) -> Word:
    """Where speech begins and ends in `[T]`, and its level in active frames.

    >>> word = measure(np.repeat([0.0, 0.5, 0.0], [4_800, 48_000, 9_600]))
    >>> word.start, word.stop, round(word.level_db)
    (4800, 52800, -6)
    """
    n_frames = -(-len(recording) // FRAME_LENGTH)
    frames = np.pad(recording.astype(np.float64), (0, n_frames * FRAME_LENGTH - len(recording)))
    power = np.mean(frames.reshape(n_frames, FRAME_LENGTH) ** 2, axis=1)
    speech = np.flatnonzero(power > power.max() * 10 ** (SILENT_DB / 10))
    start, stop = speech[0] * FRAME_LENGTH, min((speech[-1] + 1) * FRAME_LENGTH, len(recording))
    level_db = mix.active_levels_db(recording, recording)[0]
    band_hz = bandwidth_hz(recording, SAMPLE_RATE)
    return Word(len(recording), int(start), int(stop), level_db, band_hz)


def join(
    recordings: Sequence[np.ndarray],
    words: Sequence[Word],
    gains_db: Sequence[float],
    pauses: Sequence[int],
) -> tuple[np.ndarray, list[int]]:
    """Recordings `[T]` at 48 kHz as one utterance, and the first sample of each one's speech.

    A pause is filled by the silence that the recordings have around their speech, as far as it
    goes, and by digital silence between. An utterance that would exceed full scale is turned down.

    Args:
        words: of these recordings, by `measure`.
        gains_db: of each recording.
        pauses: samples between the speech of two recordings; one less than there are recordings.

    >>> tone = np.repeat([0.0, 0.5], [480, 9_600])
    >>> signal, starts = join([tone, tone], [measure(tone)] * 2, [0.0, -6.0], [24_000])
    >>> len(signal), starts
    (43680, [480, 34080])
    """
    pieces, starts, n_samples = [], [], 0
    wanted_before = MARGIN_LENGTH
    # The last recording has no pause behind it, but a margin.
    for recording, word, gain_db, pause in zip(
        recordings, words, gains_db, [*pauses, 2 * MARGIN_LENGTH], strict=True
    ):
        before = min(word.start, wanted_before)
        after = min(word.n_samples - word.stop, pause // 2)
        silence = np.zeros(wanted_before - before if pieces else 0, np.float32)
        piece = recording[word.start - before : word.stop + after].astype(np.float32)
        starts.append(n_samples + len(silence) + before)
        pieces += [silence, _with_ramps(piece, before, after) * np.float32(10 ** (gain_db / 20))]
        n_samples += len(silence) + len(piece)
        wanted_before = pause - after
    signal = np.concatenate(pieces)
    return signal / np.float32(max(1.0, np.abs(signal).max() / PEAK)), starts


def _with_ramps(piece: np.ndarray, before: int, after: int) -> np.ndarray:
    """`piece` with ramps in the silence before and after its speech, or 5 ms into the speech."""
    n_in, n_out = (min(int(np.clip(n, *RAMP_LENGTH)), len(piece) // 2) for n in (before, after))
    piece = piece.copy()
    piece[:n_in] *= np.linspace(0, 1, n_in, endpoint=False, dtype=np.float32)
    piece[len(piece) - n_out :] *= np.linspace(1, 0, n_out, endpoint=False, dtype=np.float32)
    return piece
