"""Opening audio files, so that a file holds as many samples as its header says.

libsndfile takes the length from the header. Where that says less than the file holds, the rest
would be lost without a word: such a file gets a header with the counted length, or is refused.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import soundfile

from lib.audio import completeness, mp3


class AudioError(ValueError):
    """A file that cannot be used; the message names the file and the reason."""


@contextmanager
def open_sound(path: str | Path, whole: bool | None = False) -> Iterator[soundfile.SoundFile]:
    """The file, open for reading; `frames` is the number of samples that can be read.

    An MP3's may be up to half a second too many (see `lib.audio.files.max_shortfall`).

    Args:
        whole: also find joined files, and an Ogg file that is cut off. It takes reading the file.
            None checks nothing, for reading a part of a file whose length is known.

    Raises:
        AudioError: it is no audio, its header says less than it holds, or its end is missing.
    """
    with ExitStack() as stack:
        try:
            # As bytes: names need not be UTF-8.
            file = stack.enter_context(soundfile.SoundFile(os.fsencode(path)))
            if file.format == "MP3" and (frames := mp3.count_frames(path)):
                raw = stack.enter_context(open(path, "rb"))
                if counted := mp3.with_count(raw, frames, file.frames):
                    file = stack.enter_context(soundfile.SoundFile(counted))
            elif whole is not None and (problem := completeness.problem(path, file, whole)):
                raise AudioError(f"{path}: {problem}")
        except (soundfile.SoundFileError, OSError) as error:
            raise unreadable(path, error) from None
        yield file


def unreadable(path: str | Path, error: Exception) -> AudioError:
    """The error for a file of which libsndfile says `error`."""
    return AudioError(f"{path}: not readable as audio ({_reason(error, path)})")


def _reason(error: Exception, path: str | Path) -> str:
    """Why `path` cannot be read; libsndfile says "System error" of a file that is not there."""
    if Path(path).is_dir():
        return "a folder that cannot be listed" if not os.access(path, os.R_OK) else "a folder"
    if not Path(path).is_file():
        return "there is no such file"
    if not Path(path).stat().st_size:
        return "the file is empty"
    if not os.access(path, os.R_OK):
        return "no permission to read it"
    return str(error).rpartition(": ")[2].strip().rstrip(".") or type(error).__name__
