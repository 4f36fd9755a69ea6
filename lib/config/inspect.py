"""Parameters of the notebook `inspect`."""

from typing import Annotated

from pydantic import Field

from lib.config.base import Parameters
from lib.config.fields import Count, CountOrZero, Folder, Glob, Name, SpeakerPattern


class Inspect(Parameters):
    """`inspect`: which recordings are surveyed."""

    corpus: Name = "demo"
    """Prepared corpus whose sources and pairs are surveyed, unless a folder is given."""
    speech_dir: Folder = ""
    """Folder of speech to survey instead."""
    noise_dir: Folder = ""
    """Folder of noise to survey instead."""
    speech_glob: Glob = "**/*"
    """Pattern of paths below `speech_dir`: files that do not match are ignored."""
    noise_glob: Glob = "**/*"
    """The same for `noise_dir`."""
    speaker_pattern: SpeakerPattern = ""
    """Regular expression whose group in brackets is the speaker. Empty: the first folder below
    `speech_dir` is."""
    n_examples: Annotated[int, Field(ge=1, le=50)] = 6
    """Files to see and hear."""
    seed: CountOrZero = 0
    """Of the choice of these files."""
    n_processes: Count = 2
    """Processes that read files."""
