"""Kinds of parameters: folders, names, counts, shares, weights, with their checks."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

HOP_LENGTH = 480  # samples at 48 kHz: a generator's step, so that segments are multiples of it


def resolve(path: str | Path) -> Path:
    """The absolute place of an input path; a relative one counts from the folder where the command was typed.

    >>> resolve("/data/speech"), resolve("speech") == Path.cwd() / "speech"
    (PosixPath('/data/speech'), True)
    """
    return Path(path).expanduser().resolve()


def plain_name(value: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", value):
        raise ValueError("expected a plain folder name: letters, digits, '_', '-', '.'")
    return value


def as_text(value: Any) -> Any:
    """Nothing is "", a number its digits (the speaker 19 is "19"); anything else stays for the type's own check."""
    return (
        "" if value in (None, "null") else str(value) if isinstance(value, (int, float)) else value
    )


def existing_folder(value: str) -> str:
    if value and not resolve(value).is_dir():
        raise ValueError(
            f"expected a folder, found {'a file' if resolve(value).exists() else 'none'} at {resolve(value)}"
        )
    return value


def as_list(value: Any) -> Any:
    """One of something is a list of one."""
    return value if isinstance(value, list) else [value] if value not in ("", None) else []


def existing_path(value: str) -> str:
    if value and not resolve(value).exists():
        raise ValueError(f"expected a file or a folder, found none at {resolve(value)}")
    return str(resolve(value)) if value else value


def existing_file(value: str) -> str:
    if value and not resolve(value).is_file():
        raise ValueError(
            f"expected a file, found {'a folder' if resolve(value).exists() else 'none'} at {resolve(value)}"
        )
    return value


def speaker_regex(value: str) -> str:
    try:
        groups = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from None
    if value and not groups:
        raise ValueError("expected a group in brackets, which is the speaker, like 'reader_(\\d+)'")
    return value


def relative_glob(value: str) -> str:
    if not value or value.startswith("/") or ".." in value.split("/"):
        raise ValueError("expected a pattern of paths below the folder, like '**/*_mic1.flac'")
    return value


Glob = Annotated[str, AfterValidator(relative_glob)]
Name = Annotated[str, AfterValidator(plain_name)]
Text = Annotated[str, BeforeValidator(as_text)]
Folder = Annotated[str, AfterValidator(existing_folder)]  # "": not given
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Seed = Annotated[int, Field(ge=0)]
Segment = Annotated[int, Field(ge=10 * HOP_LENGTH, multiple_of=HOP_LENGTH)]
Device = Literal["auto", "cpu", "cuda"]
