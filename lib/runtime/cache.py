"""Values that are computed once: small JSON files below `runs/cache`, named by the hash of all that the value follows from."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lib import RUNS


def get_or_compute(kind: str, about: Any, compute: Callable[[], Any]) -> Any:
    """`compute()`, or what it gave when it was last asked for with an equal `about`.

    Processes may ask at the same time; a file that was cut off by a kill is computed again.

    Args:
        kind: folder of such values, e.g. "scores".
        about: all that the value follows from, the versions of what computes it among it; as JSON.
        compute: gives what JSON holds, but not None; NaN and infinity are among it.
    """
    if (value := get(kind, about)) is not None:
        return value
    value, path = compute(), _path(kind, about)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(value))
    part.replace(path)
    return value


def get(kind: str, about: Any) -> Any:
    """What `kept` would give without computing, or None."""
    try:
        return json.loads(_path(kind, about).read_text())
    except (OSError, ValueError):
        return None


def _path(kind: str, about: Any) -> Path:
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    return RUNS / "cache" / kind / key[:2] / f"{key[2:40]}.json"
