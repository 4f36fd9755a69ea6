"""Tags of a recording: title, artist, ...; in a WAV also what broadcasters and editors store."""

import io
import mmap
from contextlib import suppress
from pathlib import Path

import soundfile

from lib.audio import riff
from lib.audio.opening import open_sound

# Chunks whose content stays true when samples change and their number stays. Others may be pictures
# of the samples, or peaks.
KEPT_CHUNKS = (b"bext", b"iXML", b"axml", b"cart", b"cue ", b"smpl", b"inst", b"acid", b"id3 ")
LABELS = b"adtl"  # of a chunk LIST: the texts of the cue points; libsndfile writes the other lists
MAX_RIFF_BYTES = 2**32 - 1


def copy_tags(source: Path, target: soundfile.SoundFile) -> None:
    """Give `target`, which is new, the tags of `source` that its container can hold."""
    for name, text in read_tags(source).items():
        with suppress(soundfile.LibsndfileError):  # the container has no such tag
            setattr(target, name, text)


def read_tags(path: Path) -> dict[str, str]:
    """Title, artist, comment, ... of a file; those that are not UTF-8 are read as Latin-1."""
    # In soundfile's own function such a letter is U+FFFD, and lost.
    library, ffi = soundfile._snd, soundfile._ffi
    with open_sound(path) as file:
        texts = {
            name: library.sf_get_string(file._file, number)
            for name, number in soundfile._str_types.items()
        }
        # NULL if there is no such tag.
        tags = {name: _decoded(ffi.string(text)) for name, text in texts.items() if text}
    return {name: text for name, text in tags.items() if text}


def append_chunks(source: Path, target: io.FileIO) -> None:
    """Append the chunks of a WAV that libsndfile leaves out: bext, iXML, cue points, ...

    Args:
        source: any file; only a WAV has such chunks.
        target: a finished file, open for reading and writing; anything but a WAV stays as it is.
    """
    target.seek(0)
    head = target.read(12)
    kept = _kept_chunks(source) if head[8:] == b"WAVE" else b""
    # A new RIFF that would be longer than its size can say stays without.
    n_bytes = target.seek(0, io.SEEK_END)
    n_bytes += n_bytes % 2 + len(kept)
    is_long = head[:4] == b"RF64"
    if not kept or (n_bytes - 8 > MAX_RIFF_BYTES and not is_long):
        return
    target.write(bytes(-target.tell() % 2) + kept)
    # Behind "RIFF", or behind the header of the chunk `ds64`.
    target.seek(20 if is_long else 4)
    target.write((n_bytes - 8).to_bytes(8 if is_long else 4, "little"))


def _kept_chunks(path: Path) -> bytes:
    """The chunks to keep, as they stand in the file; empty for anything but a WAV."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[8:12] != b"WAVE":
            return b""
        kept = b""
        for name, start, n_bytes in riff.chunks(content):
            is_labels = name == b"LIST" and content[start : start + 4] == LABELS
            if name in KEPT_CHUNKS or is_labels:
                kept += content[start - 8 : start + n_bytes] + bytes(n_bytes % 2)
        return kept


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")
