"""Kinds of parameters, with their checks: folders, files, names, counts, shares, weights."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

# Written here again: this package comes before `lib.deepfilter`, which has the grid.
HOP_LENGTH = 480  # samples at 48 kHz: a generator's step, so that segments are multiples of it
# s; a shorter item is not prepared, trained on, scored or played. It is one block of BS.1770, so
# that every item has a loudness.
MIN_ITEM_S = 0.4


def resolve(path: str | Path) -> Path:
    """An input path as an absolute one. A relative path counts from where the command was typed.

    >>> resolve("/data/speech"), resolve("speech") == Path.cwd() / "speech"
    (PosixPath('/data/speech'), True)
    """
    return Path(path).expanduser().resolve()


def as_text(value: Any) -> Any:
    """Text for what YAML reads as nothing, a number or a truth value. The type checks the rest.

    >>> as_text(None), as_text(19), as_text(True), as_text([19])
    ('', '19', 'true', [19])
    """
    # Papermill passes `-p name null` as text, and makes None of `None` alone.
    if value in (None, "null"):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


def as_list(value: Any) -> Any:
    """A list for a single value, so that `-p run best` is `[best]`.

    >>> as_list("best"), as_list(["best", "latest"]), as_list("")
    (['best'], ['best', 'latest'], [])
    """
    if isinstance(value, list):
        return value
    return [] if value in ("", None) else [value]


def plain_name(value: str) -> str:
    """Accept the name of a folder that cannot lead out of its parent."""
    # The first character is no dot, so that `..` does not pass.
    if not re.fullmatch(r"\w[\w.-]*", value):
        raise ValueError("expected a plain folder name: letters, digits, '_', '-', '.'")
    return value


def plain_name_or_empty(value: str) -> str:
    """Accept a plain name or ""."""
    return plain_name(value) if value else value


def existing_folder(value: str) -> str:
    """Accept a folder that exists, or ""."""
    path = resolve(value)
    if value and not path.is_dir():
        found = "a file" if path.exists() else "none"
        raise ValueError(f"expected a folder, found {found} at {path}")
    return value


def existing_file(value: str) -> str:
    """Accept a file that exists, or ""."""
    path = resolve(value)
    if value and not path.is_file():
        found = "a folder" if path.exists() else "none"
        raise ValueError(f"expected a file, found {found} at {path}")
    return value


def existing_path(value: str) -> str:
    """Accept a file or folder that exists, which becomes absolute, or ""."""
    if value and not resolve(value).exists():
        raise ValueError(f"expected a file or a folder, found none at {resolve(value)}")
    return str(resolve(value)) if value else value


def speaker_regex(value: str) -> str:
    """Accept a regular expression with a group, or ""."""
    try:
        n_groups = re.compile(value).groups
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from None
    if value and not n_groups:
        raise ValueError("expected a group in brackets, which is the speaker, like 'reader_(\\d+)'")
    return value


def relative_glob(value: str) -> str:
    """Accept a pattern of paths that stay below a folder."""
    # By parts of the path: a file's name may hold two dots.
    if not value or value.startswith("/") or ".." in value.split("/"):
        raise ValueError("expected a pattern of paths below the folder, like '**/*_mic1.flac'")
    return value


Text = Annotated[str, BeforeValidator(as_text)]
Name = Annotated[str, AfterValidator(plain_name)]
NameOrEmpty = Annotated[str, AfterValidator(plain_name_or_empty)]
Folder = Annotated[str, AfterValidator(existing_folder)]  # "": not given
File = Annotated[str, AfterValidator(existing_file)]  # "": not given
FileOrFolder = Annotated[str, AfterValidator(existing_path)]  # "": not given
Glob = Annotated[str, AfterValidator(relative_glob)]
SpeakerPattern = Annotated[str, AfterValidator(speaker_regex)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]
Snr = Annotated[float, Field(ge=-30, le=60)]  # dB
ItemSeconds = Annotated[float, Field(ge=MIN_ITEM_S)]
Segment = Annotated[int, Field(ge=10 * HOP_LENGTH, multiple_of=HOP_LENGTH)]  # samples
Split = Literal["train", "valid", "test"]
Device = Literal["auto", "cpu", "cuda"]
