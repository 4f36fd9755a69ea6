"""Steps whose gradient was too large or not finite, with the items of their batch.

They are the lines of `grad_spikes.jsonl` beside the checkpoints, so that a broken pair is found by
its path.
"""

import json
import math
from pathlib import Path

import pandas as pd
import torch.distributed as dist

from lib.training.distributed import ranks
from lib.training.state import TrainState, recording_time
from lib.training.step import StepResult

SPIKES = "grad_spikes.jsonl"


def write_spike(out: Path, state: TrainState, result: StepResult, metas: list[dict]) -> None:
    """Append a step and all its items, of all processes, to the file in `out`.

    All processes must call it; the first one writes.
    """
    rank, n_ranks = ranks()
    items = [{"rank": rank} | meta for meta in metas]
    if n_ranks > 1:
        gathered: list = [None] * n_ranks
        dist.all_gather_object(gathered, items)
        items = [meta for process_items in gathered for meta in process_items]
    # Not earlier: all processes have to take part in the exchange.
    if rank:
        return
    numbers = {"grad_norm": result.norms["generator"], **result.terms}
    if "discriminators" in result.norms:
        numbers["grad_norm_discriminators"] = result.norms["discriminators"]
    # JSON has no NaN.
    numbers = {name: x if math.isfinite(x) else None for name, x in numbers.items()}
    line = {"step": state.step, "epoch": state.epoch, **numbers, "items": items}
    # A line is whole or the last one: a kill damages no other.
    with recording_time(state), (out / SPIKES).open("a") as file:
        file.write(json.dumps(line) + "\n")


def read_spikes(out: Path) -> pd.DataFrame:
    """The spikes of a training, one row an item; empty if there are none.

    A last line that is not whole is left out: it is being written, or a kill cut it short.

    Columns: step, epoch, grad_norm (NaN: not finite), the loss terms, and the item's metadata.
    """
    path = out / SPIKES
    texts = path.read_text().splitlines() if path.exists() else []
    lines = [json.loads(text) for text in texts if _step_of(text) < math.inf]
    rows = [
        {name: value for name, value in line.items() if name != "items"} | item
        for line in lines
        for item in line["items"]
    ]
    # Readers may count on these columns, even if there are no spikes.
    return pd.DataFrame(rows, columns=None if rows else ["step", "epoch", "grad_norm", "idx"])


def remove_spikes_from(out: Path, step: int) -> None:
    """Remove the spikes at `step` and after it: a resumed training takes these steps again."""
    path = out / SPIKES
    if not path.exists():
        return
    lines = path.read_text().splitlines(keepends=True)
    # Renamed when it is whole: a kill leaves the old file or the new one.
    part = path.with_suffix(".part")
    part.write_text("".join(line for line in lines if _step_of(line) < step))
    part.replace(path)


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:  # a kill cut the line short
        return math.inf
