"""All files below a folder, also behind symbolic links; which of them a pattern means."""

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath


def files_below(folder: str | Path) -> Iterator[Path]:
    """Files below `folder`; hidden files and folders are left out.

    Linked folders count as folders, except for a link to a folder around it, which would never end.
    A link to nothing counts as a file, and a folder that cannot be read, too: whoever reads them
    says that they cannot be read.
    """
    unreadable: list[Path] = []

    def remember(error: OSError) -> None:
        unreadable.append(Path(error.filename))

    for place, folders, names in os.walk(folder, onerror=remember, followlinks=True):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not _leads_back(Path(place, name), Path(folder))
        ]
        for name in names:
            path = Path(place, name)
            # No pipes and sockets, which might never end.
            if not name.startswith(".") and (path.is_file() or path.is_symlink()):
                yield path
    yield from unreadable


def matches(path: PurePath, glob: str) -> bool:
    """Whether a relative path matches a pattern; `**` stands for any number of folders.

    >>> [matches(PurePath(path), "**/mic1/*.wav") for path in ("mic1/a.wav", "x/y/mic1/a.wav")]
    [True, True]
    >>> [matches(PurePath(path), "*/*.wav") for path in ("a.wav", "x/a.wav", "x/y/a.wav")]
    [False, True, False]
    """
    return _matches(path.parts, PurePath(glob).parts)


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not parts and not pattern
    if pattern[0] == "**":
        return any(_matches(parts[i:], pattern[1:]) for i in range(len(parts)))
    return fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _leads_back(path: Path, folder: Path) -> bool:
    """Whether `path` is a link to one of the folders from `folder` down to it."""
    if not path.is_symlink():
        return False
    aim, place = os.path.realpath(path), path
    while place != folder:
        place = place.parent
        if os.path.realpath(place) == aim:
            return True
    return False
