"""Lossy codecs at a low bit rate, as telephones and recorders use them; none is late."""

import io

import numpy as np
import soundfile

from lib.audio.files import SAMPLE_RATE

# Name -> container, codec, libsndfile's compression level, mode of the bit rate. The name holds the
# bit rate of speech. MP3 has a variable rate: at a low constant one LAME leaves no room for the
# header that tells its delay.
CODECS = {
    "mp3_90k": ("MP3", "MPEG_LAYER_III", 0.5, "VARIABLE"),
    "mp3_50k": ("MP3", "MPEG_LAYER_III", 0.8, "VARIABLE"),
    "opus_35k": ("OGG", "OPUS", 0.9, None),
    "opus_20k": ("OGG", "OPUS", 0.95, None),
    "vorbis_60k": ("OGG", "VORBIS", 1.0, None),
}

PEAK = 0.5  # of what a codec gets: it may come back louder


def through(signal: np.ndarray, codec: str) -> np.ndarray:
    """`signal` `[T]` at 48 kHz as a codec of `CODECS` leaves it, in its place and equally long.

    The codec gets a peak of 0.5, so that another gain of `signal` is that of the result.

    >>> tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    >>> after = through(tone, "vorbis_60k")
    >>> bool(np.abs(after - tone)[4_800:-4_800].max() < 0.05)
    True
    """
    container, subtype, level, mode = CODECS[codec]
    gain = PEAK / max(float(np.abs(signal).max(initial=0.0)), 1e-9)
    content = io.BytesIO()
    soundfile.write(
        content,
        signal * gain,
        SAMPLE_RATE,
        format=container,
        subtype=subtype,
        compression_level=level,
        bitrate_mode=mode,
    )
    content.seek(0)
    decoded = soundfile.read(content, dtype="float32")[0][: len(signal)]
    return np.pad(decoded / np.float32(gain), (0, len(signal) - len(decoded)))
