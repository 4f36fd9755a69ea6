"""Opening audio files, so that a file holds as many samples as its header says.

libsndfile takes the length from the header. Where that says less than the file holds, the rest
would be lost without a word: such a file gets a header with the counted length, or is refused.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import soundfile

from lib.audio import mp3, riff

MAX_REST = 0.5  # seconds of sound that bytes behind a WAV's chunks may be: padding, not a recording


class AudioError(ValueError):
    """A file that cannot be used; the message names the file and the reason."""


@contextmanager
def open_sound(path: str | Path) -> Iterator[soundfile.SoundFile]:
    """The file, open for reading; `frames` is the number of samples that can be read.

    An MP3's may be up to half a second too many (see `lib.audio.files.max_shortfall`).

    Raises:
        AudioError: it is no audio, or its header says less than it holds.
    """
    with ExitStack() as stack:
        try:
            # As bytes: names need not be UTF-8.
            file = stack.enter_context(soundfile.SoundFile(os.fsencode(path)))
            if file.format == "MP3" and (frames := mp3.count_frames(path)):
                counted = mp3.with_count(stack.enter_context(open(path, "rb")), frames)
                if counted:
                    file = stack.enter_context(soundfile.SoundFile(counted))
            elif problem := _unread(path, file):
                raise AudioError(f"{path}: {problem}")
        except (soundfile.SoundFileError, OSError) as error:
            raise unreadable(path, error) from None
        yield file


def unreadable(path: str | Path, error: Exception) -> AudioError:
    """The error for a file of which libsndfile says `error`."""
    return AudioError(f"{path}: not readable as audio ({_reason(error, path)})")


def _unread(path: str | Path, file: soundfile.SoundFile) -> str:
    """Why libsndfile would not read all that a file holds; empty if it does."""
    if file.format not in ("OGG", "FLAC", "WAV", "WAVEX"):
        return ""
    with open(path, "rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if file.format == "OGG":
            joined = _is_chained(content)
        elif file.format == "FLAC":
            if not int.from_bytes(content[18:26], "big") & (1 << 36) - 1:
                return "its header does not say how long it is: write it again as a FLAC file"
            # The start of another FLAC file.
            joined = content.find(b"fLaC\0\0\0\x22", 4) > 0
        else:
            n_bytes = _behind_chunks(content)
            seconds = n_bytes * file.frames / max(1, len(content) - n_bytes) / file.samplerate
            if seconds > MAX_REST or (n_bytes and not file.frames):
                return (
                    f"its header says {file.frames} samples, but {n_bytes} more bytes follow:"
                    " was the recording interrupted?"
                )
            joined = False
    return "several files, one behind the other; only the first would be read" if joined else ""


def _is_chained(content: mmap.mmap) -> bool:
    """Whether an Ogg file has a stream that begins behind another one's first pages."""
    place, started = 0, False
    while (place := content.find(b"OggS", place)) >= 0 and len(content) >= place + 27:
        begins = bool(content[place + 5] & 2)
        if begins and started:
            return True
        started = started or not begins
        n_segments = content[place + 26]
        # A page: 27 bytes, the lengths of its segments, the segments.
        place += 27 + n_segments + sum(content[place + 27 : place + 27 + n_segments])
    return False


def _behind_chunks(content: mmap.mmap) -> int:
    """Bytes of a WAV behind `data` that belong to no chunk."""
    found = list(riff.chunks(content))
    if not any(chunk.name == b"data" for chunk in found):
        return 0
    return max(0, len(content) - found[-1].end)


def _reason(error: Exception, path: str | Path) -> str:
    """Why `path` cannot be read; libsndfile says "System error" of a file that is not there."""
    if Path(path).is_dir():
        return "a folder that cannot be listed" if not os.access(path, os.R_OK) else "a folder"
    if not Path(path).is_file():
        return "there is no such file"
    if not Path(path).stat().st_size:
        return "the file is empty"
    return str(error).rpartition(": ")[2].strip().rstrip(".") or type(error).__name__
