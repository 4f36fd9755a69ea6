"""Steps whose gradient was too large, with the items of their batch."""

import json
import math
from pathlib import Path

import pandas as pd

SPIKES = "grad_spikes.jsonl"


def read_spikes(out: Path) -> pd.DataFrame:
    """The spikes of a training, a row for each item: step, epoch, grad_norm (NaN: not finite), the terms, and its metadata."""
    path = out / SPIKES
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    rows = [
        {name: value for name, value in line.items() if name != "items"} | item
        for line in lines
        for item in line["items"]
    ]
    return pd.DataFrame(rows, columns=None if rows else ["step", "epoch", "grad_norm", "idx"])


def step_of_line(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:  # cut short by a kill
        return math.inf
