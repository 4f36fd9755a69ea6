"""Whether a file is all there, and whether libsndfile reads all of it: by its container.

Of a file that was cut off libsndfile reads what is there, and of joined files the first one, both
without a word. The headers of IRCAM, PAF, PVF and XI promise no length: nobody can tell whether
such a file is whole.
"""

import mmap
import re
from pathlib import Path

import soundfile

from lib.audio import riff

MAX_REST = 8192  # bytes behind a WAV's chunks that may be padding
# Bytes, or samples, that may be missing at the end. Some programs count the header in.
MAX_MISSING = 64
# Sizes from here on stand for an unknown one, in a file that a program wrote into a pipe.
PLACEHOLDER = 0x7FFF0000
# The number of samples in libsndfile's words about a header; in an array the last one is that of
# the signal. In NIST files it stands in the header itself.
PROMISED = {
    "NIST": r"sample_count -i (\d+)",
    "AVR": r"Frames +: (\d+)",
    "MPC2K": r"Frames +: (\d+)",
    "SVX": r"OneShotHiSamples +: (\d+)",
    "MAT4": r"Cols +: (\d+)",
    "MAT5": r"Cols +: (\d+)",
    "CAF": r"Valid frames +: (\d+)",  # of ALAC, where few bytes hold many samples
    "WVE": r"Data length (\d+) should be",
}


def problem(path: str | Path, file: soundfile.SoundFile, whole: bool) -> str:
    """Why samples of an open file would be lost; empty if none would.

    Args:
        whole: look through the whole file; else only at its header, which is quick.
    """
    checks = [CHECKS.get(file.format), WHOLE_CHECKS.get(file.format) if whole else None]
    with open(path, "rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return next(filter(None, (check(content, file) for check in checks if check)), "")


def _check_ogg(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    """A stream that begins behind another one's pages, or no page that ends it."""
    place, started, flags = 0, False, 0
    while (place := content.find(b"OggS", place)) >= 0 and len(content) >= place + 27:
        flags, n_segments = content[place + 5], content[place + 26]
        if flags & 2 and started:
            return JOINED
        started = started or not flags & 2
        # A page: 27 bytes, the lengths of its segments, the segments.
        place += 27 + n_segments + sum(content[place + 27 : place + 27 + n_segments])
        if place > len(content):
            return CUT_OFF
    return "" if flags & 4 else CUT_OFF


def _check_flac(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    """No length. Missing samples are found when they are read."""
    if not int.from_bytes(content[18:26], "big") & (1 << 36) - 1:
        return "its header does not say how long it is: write it again as a FLAC file"
    return ""


def _check_joined_flac(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    """The start of another file."""
    return JOINED if content.find(b"fLaC\0\0\0\x22", 4) > 0 else ""


def _check_chunks(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    """WAV and AIFF: samples that end beyond the file, or much behind them that is no chunk."""
    found = list(riff.chunks(content))
    samples = [chunk for chunk in found if chunk.name in riff.SAMPLES]
    if not samples:
        return ""
    if cut_off := _check_end(samples[0].n_bytes, samples[0].start, content):
        return cut_off
    if samples[0].name != b"data":
        return ""  # of an AIFF libsndfile reads what is there
    n_rest = max(0, len(content) - found[-1].end)
    if n_rest > MAX_REST or (n_rest > 0 and not file.frames):
        return (
            f"its header says {file.frames} samples, but {n_rest} more bytes follow:"
            " was the recording interrupted?"
        )
    return ""


def _check_au(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    order = "big" if content[:4] == b".snd" else "little"
    start, n_bytes = (int.from_bytes(content[place : place + 4], order) for place in (4, 8))
    return _check_end(n_bytes, start, content)


def _check_w64(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    """Chunks of 16 bytes of name and 8 of size, which counts these, each at a multiple of 8."""
    place = 40
    while len(content) >= place + 24:
        n_bytes = int.from_bytes(content[place + 16 : place + 24], "little")
        if content[place : place + 4] == b"data":
            return _check_end(n_bytes - 24, place + 24, content)
        place += max(24, -(-n_bytes // 8) * 8)
    return ""


def _check_caf(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    """Chunks of 4 bytes of name and 8 of size; that of `data` may be -1, which means to the end."""
    place = 8
    while len(content) >= place + 12:
        n_bytes = int.from_bytes(content[place + 4 : place + 12], "big", signed=True)
        if content[place : place + 4] == b"data":
            return _check_end(n_bytes, place + 12, content) or _check_promised(content, file)
        place += 12 + max(0, n_bytes)
    return ""


def _check_voc(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    return CUT_OFF if "truncated" in file.extra_info else ""


def _check_promised(content: mmap.mmap, file: soundfile.SoundFile) -> str:
    """Fewer samples than the header promises."""
    header = content[:1024].decode("latin-1") if file.format == "NIST" else file.extra_info
    promised = re.findall(PROMISED[file.format], header)
    n_missing = int(promised[-1]) - file.frames if promised else 0
    return f"{CUT_OFF} ({n_missing} samples are missing)" if n_missing > MAX_MISSING else ""


def _check_end(n_bytes: int, start: int, content: mmap.mmap) -> str:
    """Whether `n_bytes` of samples from `start` on are there."""
    is_known = n_bytes < PLACEHOLDER or PLACEHOLDER * 4 < n_bytes < 2**62
    n_missing = start + n_bytes - len(content)
    return (
        f"{CUT_OFF} ({n_missing} bytes are missing)" if is_known and n_missing > MAX_MISSING else ""
    )


JOINED = "several files, one behind the other; only the first would be read"
CUT_OFF = "it is cut off"
CHECKS = {
    "FLAC": _check_flac,
    "WAV": _check_chunks,
    "WAVEX": _check_chunks,
    "RF64": _check_chunks,
    "AIFF": _check_chunks,
    "AU": _check_au,
    "W64": _check_w64,
    "VOC": _check_voc,
    **dict.fromkeys(PROMISED, _check_promised),
    "CAF": _check_caf,
}
WHOLE_CHECKS = {"OGG": _check_ogg, "FLAC": _check_joined_flac}
