"""Parameters of the notebook `inspect`."""

from typing import Annotated

from pydantic import AfterValidator, Field

from lib.config import fields
from lib.config.base import Parameters


class Inspect(Parameters):
    """`inspect`: what is looked at; both folders empty: the corpus as prepared."""

    corpus: fields.Name = "demo"
    speech_dir: fields.Folder = ""
    noise_dir: fields.Folder = ""
    speech_glob: fields.Glob = "**/*"
    noise_glob: fields.Glob = "**/*"
    speaker_pattern: Annotated[str, AfterValidator(fields.speaker_regex)] = ""
    n_examples: Annotated[int, Field(ge=1, le=50)] = 6
    seed: fields.Seed = 0
    n_processes: fields.Count = 2
