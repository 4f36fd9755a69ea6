"""A cache on disk, below `runs/cache`: small results, by a hash of what they follow from.

The library diskcache keeps them in SQLite, within a size limit, for several processes at a time.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import diskcache

from lib import RUNS

SIZE_LIMIT = 4 * 2**30  # bytes; beyond it the entries that were stored first are deleted


def get_or_compute(kind: str, inputs: Any, compute: Callable[[], Any]) -> Any:
    """The stored result of an earlier call with equal `inputs`, or else that of `compute()`.

    Several processes may call it at the same time. A process that is killed leaves either the whole
    result or none.

    Args:
        kind: of result, e.g. "scores".
        inputs: everything that the result follows from, as JSON. The versions of the packages that
            compute it belong to it.
        compute: returns what JSON can hold, except None. NaN and infinity are allowed.
    """
    # Two processes may both compute it. The later result, an equal one, replaces the first.
    if (result := get(kind, inputs)) is None:
        result = compute()
        _open(RUNS / "cache").set(_key(kind, inputs), result, retry=True)
    return result


def get(kind: str, inputs: Any) -> Any:
    """The result that `get_or_compute` stored for `kind` and `inputs`; None if there is none."""
    return _open(RUNS / "cache").get(_key(kind, inputs), retry=True)


@cache
def _open(folder: Path) -> diskcache.Cache:
    # JSON instead of pickle: a file that is read must never run code
    return diskcache.Cache(folder, disk=diskcache.JSONDisk, size_limit=SIZE_LIMIT)


def _key(kind: str, inputs: Any) -> str:
    return f"{kind} {hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()}"
