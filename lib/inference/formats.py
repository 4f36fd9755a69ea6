"""Which container and codec a restored recording gets."""

from pathlib import Path

import soundfile

from lib.audio import files

OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)


def target_format(target: Path, info: files.Info) -> tuple[str, str]:
    """Container and codec of the target: those of the source where the suffix leaves them possible."""
    name = target.suffix[1:].upper()
    container = {"AIF": "AIFF", "AIFC": "AIFF", "OGA": "OGG", "OPUS": "OGG"}.get(name, name)
    if name == "OPUS" and info.codec != "OPUS":
        if info.sample_rate not in OPUS_RATES:
            raise ValueError(
                f"{target}: Opus holds {', '.join(map(str, OPUS_RATES))} Hz, but the source {info.sample_rate}; use .ogg"
            )
        return container, name
    if container == info.container or (container == "WAV" and info.container in ("WAVEX", "RF64")):
        return info.container, info.codec
    if container not in soundfile.available_formats():
        raise ValueError(
            f"{target}: no format that can be written; use .wav, .flac, .ogg or another of libsndfile's"
        )
    kept = (
        info.codec
        if soundfile.check_format(container, info.codec)
        else soundfile.default_subtype(container)
    )
    return container, kept
