"""A cache on disk, below `runs/cache`: small results, by a hash of what they follow from.

The library diskcache keeps them in SQLite, within a size limit, for several processes at a time.
Where they cannot be kept, e.g. on a full disk, the work goes on without.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import diskcache

from lib import RUNS
from lib.runtime.progress import echo

SIZE_LIMIT = 4 * 2**30  # bytes; beyond it the entries that were stored first are deleted
# What diskcache raises if a file or the database cannot be read or written, or stays locked.
ERRORS = (OSError, sqlite3.Error, diskcache.Timeout)


def get_or_compute(kind: str, inputs: Any, compute: Callable[[], Any]) -> Any:
    """The stored result of an earlier call with equal `inputs`, or else that of `compute()`.

    Several processes may call it at the same time. A process that is killed leaves either the whole
    result or none. A result that cannot be kept is returned all the same; a message says so once.

    Args:
        kind: of result, e.g. "scores".
        inputs: everything that the result follows from, as JSON. The versions of the packages that
            compute it belong to it.
        compute: returns what JSON can hold, except None. NaN and infinity are allowed.
    """
    # Two processes may both compute it. The later result, an equal one, replaces the first.
    if (result := get(kind, inputs)) is None:
        result = compute()
        # Without `retry`, which would go on for ever after some errors.
        _try(lambda stored: stored.set(_key(kind, inputs), result))
    return result


def get(kind: str, inputs: Any) -> Any:
    """The result that `get_or_compute` stored for `kind` and `inputs`; None if there is none."""
    return _try(lambda stored: stored.get(_key(kind, inputs)))


def _try(use: Callable[[diskcache.Cache], Any]) -> Any:
    """What `use` makes of the cache; None, and a message, if the cache cannot be used."""
    folder = RUNS / "cache"
    try:
        stored = _open(folder)
        try:
            return use(stored)
        except ERRORS:
            stored.close()  # else the next call would find a transaction that never ended
            raise
    except ERRORS as error:
        _say_once(folder, str(error) or "its database is locked")
        return None


@cache
def _say_once(folder: Path, reason: str) -> None:
    echo(f"{folder}: results are not kept ({reason})")


@cache
def _open(folder: Path) -> diskcache.Cache:
    # JSON instead of pickle: a file that is read must never run code
    # All in the database: on a full disk it would leave parts of other files behind.
    settings = {"size_limit": SIZE_LIMIT, "disk_min_file_size": 2**30}
    return diskcache.Cache(folder, disk=diskcache.JSONDisk, **settings)


def _key(kind: str, inputs: Any) -> str:
    return f"{kind} {hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()}"
