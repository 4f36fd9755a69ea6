"""Writing a restored recording in the container, codec and tags of its source."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from lib.audio import files
from lib.inference.tags import append_chunks, copy_tags
from lib.runtime.whole_file import whole_file

CONTAINERS = {"AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG"}  # by suffix
WAV_CONTAINERS = ("WAV", "WAVEX", "RF64")  # all have the suffix .wav
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # Hz
FLOAT_CODECS = ("FLOAT", "DOUBLE")  # codecs that hold samples beyond full scale
PCM_BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
# Of codecs whose steps single precision can hold.
STEP_BITS = {"PCM_S8": 8, "PCM_U8": 8, "ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24}
STEP_BITS |= {codec: bits for codec, bits in PCM_BITS.items() if bits <= 24}
# libsndfile's Vorbis encoder crashes when it gets millions of samples in one call.
WRITE_LENGTH = 16_384


def choose_format(target: Path, source: files.Info) -> tuple[str, str]:
    """Container and codec for `target`: the suffix gives the container, the source the codec.

    A container that cannot hold the source's codec gets one that keeps its bits, or as many as it
    holds; after a lossy source it gets its own default codec.

    Raises:
        ValueError: libsndfile does not write such a file, or Opus does not hold the sample rate.

    >>> choose_format(Path("restored.flac"), files.Info("WAV", "PCM_24", 48_000, 1, 480))
    ('FLAC', 'PCM_24')
    """
    suffix = target.suffix[1:].upper()
    container = CONTAINERS.get(suffix, suffix)
    if suffix == "OPUS" and source.codec != "OPUS":
        if source.sample_rate not in OPUS_RATES:
            raise ValueError(
                f"{target}: Opus holds {', '.join(map(str, OPUS_RATES))} Hz, "
                f"but the source {source.sample_rate}; use .ogg"
            )
        return container, "OPUS"
    if container == source.container or (container == "WAV" and source.container in WAV_CONTAINERS):
        return source.container, source.codec
    if container not in soundfile.available_formats():
        if not suffix:
            raise ValueError(
                f"{target}: has no ending, expected one like .wav, .flac or .ogg;"
                " if it is to be a folder, make it first"
            )
        raise ValueError(
            f"{target}: libsndfile does not write this format; use .wav, .flac, .ogg or another"
        )
    # Of a lossy source the bits are NaN: no number is above or below.
    enough = [codec for codec, bits in PCM_BITS.items() if bits >= source.bits]
    fewer = [codec for codec, bits in reversed(PCM_BITS.items()) if bits < source.bits]
    floats = FLOAT_CODECS if source.codec in FLOAT_CODECS else ()
    for codec in (source.codec, *floats, *enough, *fewer):
        if soundfile.check_format(container, codec):
            return container, codec
    return container, soundfile.default_subtype(container)


def rounded(block: np.ndarray, codec: str) -> np.ndarray:
    """Samples at the steps of an integer codec; those of other codecs stay as they are.

    libsndfile would cut them off in most containers, half a step below on average.

    >>> (128 * rounded(np.array([0.4, -0.4, 1.6, 128.0]) / 128, "PCM_S8")).tolist()
    [0.0, 0.0, 2.0, 127.0]
    """
    if codec not in STEP_BITS:
        return block
    n_steps = 2 ** (STEP_BITS[codec] - 1)
    # Minus zero would be another sample in some containers.
    return np.rint(block * n_steps).clip(-n_steps, n_steps - 1) / n_steps + 0.0


def write(target: Path, source: Path, info: files.Info, blocks: Iterable[np.ndarray]) -> int:
    """Write blocks `[n, C]` to `target`, which appears whole or not at all.

    Args:
        source: the recording that gives the tags (title, artist, ...).
        info: the source's header.

    Returns: the number of samples beyond full scale, which an integer or lossy codec clips.

    Raises:
        OSError: it cannot be written, e.g. because the disk is full.
    """
    (container, codec), n_clipped = choose_format(target, info), 0
    form = (info.sample_rate, info.channels, codec)
    with whole_file(target) as whole:
        with soundfile.SoundFile(whole, "w", *form, format=container) as file:
            # Before the samples: some containers hold tags in front of them.
            copy_tags(source, file)
            for block in blocks:
                if codec not in FLOAT_CODECS:
                    n_clipped += int(np.count_nonzero(np.abs(block) > 1))
                    block = rounded(block.clip(-1, 1), codec)
                for start in range(0, len(block), WRITE_LENGTH):
                    file.write(block[start : start + WRITE_LENGTH])
        append_chunks(source, whole)
    return n_clipped
