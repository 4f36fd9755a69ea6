"""What a training leaves on disk: checkpoints that it can go on from, and the steps whose gradients were too large.

A checkpoint holds all that a step changes, the parameters and the versions; it appears whole or not at all, and loads without
running code. With several processes only the first one writes.
"""

import json
import math
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import pandas as pd
import torch
import torch.distributed as dist

from lib.step import Learner

FORMAT = "retimbre training 1"
SPIKES = "grad_spikes.jsonl"


@dataclass
class Place:
    """Where a training is: all of a checkpoint that is not the learner's."""

    epoch: int = 0  # the one under way, or the last
    step: int = 0  # optimiser steps since the beginning
    n_batches: int = 0  # of this epoch that this process has done; 0 between epochs
    sums: dict[str, float] = field(default_factory=dict)  # over this epoch's items: of each term, and `n_items`
    steps: dict[str, float] = field(default_factory=dict)  # over this epoch's steps: of each norm, of times, of events
    largest: float = 0.0  # gradient norm of this epoch
    n_bad: int = 0  # steps in a row that were not finite
    went_back: bool = False
    training_s: float = 0.0
    recording_s: float = 0.0
    history: list[dict] = field(default_factory=list)


class Keeper:
    """Writes and reads a training's checkpoints and spikes, and hands them to its run. Only the first process writes."""

    def __init__(self, p, out: Path, run, about: dict[str, str], learner: Learner):
        self.p, self.out, self.run, self.about, self.learner = p, out, run, about, learner
        self.writes = ranks()[0] == 0
        if self.writes:
            out.mkdir(parents=True, exist_ok=True)

    def save(self, name: str, place: Place) -> Path:
        """Write a checkpoint that appears whole or not at all."""
        content = {"place": asdict(place), "params": self.p.model_dump(), "about": self.about, "format": FORMAT}
        content |= {"versions": {"python": platform.python_version(), "torch": str(torch.__version__)}}
        content |= {"random": torch.get_rng_state(), "learner": self.learner.state_dict()}
        part = self.out / f"{name}.part"
        torch.save(content, part)
        part.replace(self.out / name)
        return self.out / name

    def save_last(self, place: Place) -> None:
        """Write `last.pt`; the one that was is `previous.pt` then."""
        if self.writes:
            last, previous = self.out / "last.pt", self.out / "previous.pt"
            if last.exists():
                previous.unlink(missing_ok=True)
                previous.hardlink_to(last)  # at no moment is there no `last.pt`
            self.save("last.pt", place)

    def load(self) -> Place:
        """Go on from `last.pt`. Raises `ValueError` if that cannot be, and says what can."""
        last, previous = self.out / "last.pt", self.out / "previous.pt"
        try:
            saved = read(last, self.learner.device)
        except ValueError as error:
            raise ValueError(f"{error}{_offer(previous, last)}") from None
        try:
            self.learner.load_state_dict(saved["learner"])
        except (KeyError, ValueError, RuntimeError):
            raise ValueError(
                f"{last}: of another network than these parameters describe: resume with its own"
            ) from None
        torch.set_rng_state(saved["random"].cpu())
        place = Place(**saved["place"])
        if not self.writes:  # the sums are the first process's
            place.sums = dict.fromkeys(place.sums, 0.0)
        return place

    def epoch(self, place: Place) -> None:
        """Record an epoch and write its checkpoints: `best.pt` if there was none as good, `before_gan.pt`, `last.pt`."""
        record = place.history[-1]
        best = max(place.history, key=lambda past: past["valid/gap_closed"])
        record |= {"best/gap_closed": best["valid/gap_closed"], "best/epoch": best["epoch"]}
        kept = ["best.pt"] if best is record else []
        kept += ["before_gan.pt"] if place.epoch == self.p.gan_start_epoch - 1 else []
        for name in kept:  # before `last`: a run killed in between repeats the epoch
            self.run.file(self.save(name, place), "checkpoints")
        self.save_last(place)
        if place.epoch >= self.p.epochs:
            self.run.file(self.out / "last.pt", "checkpoints")
        if (self.out / SPIKES).exists():
            self.run.file(self.out / SPIKES)
        self.run.metrics(*recorded(record))

    def spike(self, place: Place, norms: dict[str, float], terms: dict[str, float], metas: list[dict]) -> None:
        """Write down a step whose gradient was too large or not finite, with all its items, of all processes."""
        rank, n_ranks = ranks()
        found = [{"rank": rank} | meta for meta in metas]
        if n_ranks > 1:
            everyone: list = [None] * n_ranks
            dist.all_gather_object(everyone, found)
            found = [meta for one in everyone for meta in one]
        numbers = {"grad_norm": norms["generator"], **terms}
        numbers = {name: value if math.isfinite(value) else None for name, value in numbers.items()}  # JSON has no NaN
        if self.writes:
            with (self.out / SPIKES).open("a") as file:
                file.write(json.dumps({"step": place.step, "epoch": place.epoch, **numbers, "items": found}) + "\n")

    def forget_spikes(self, step: int) -> None:
        """Leave out what was written after the checkpoint that is gone on from: these steps come again."""
        path = self.out / SPIKES
        if self.writes and path.exists():
            kept = [line for line in path.read_text().splitlines(keepends=True) if _step_of(line) < step]
            part = path.with_suffix(".part")
            part.write_text("".join(kept))
            part.replace(path)


def spikes(out: Path) -> pd.DataFrame:
    """The spikes of a training, a row for each item: step, epoch, grad_norm (NaN: not finite), the terms, and its metadata."""
    path = out / SPIKES
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    rows = [
        {name: value for name, value in line.items() if name != "items"} | item
        for line in lines
        for item in line["items"]
    ]
    return pd.DataFrame(rows, columns=None if rows else ["step", "epoch", "grad_norm", "idx"])


def read(path: Path, device: str) -> dict:
    """A checkpoint that this training wrote. Raises `ValueError`, with its name, if it is none."""
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        if saved["format"] != FORMAT or not {"learner", "params", "place"} <= set(saved):
            raise KeyError(saved["format"])
    except (KeyError, TypeError, RuntimeError, OSError, UnpicklingError, EOFError) as error:
        raise ValueError(f"{path}: not a checkpoint of this project's training ({type(error).__name__})") from None
    return saved


def _offer(previous: Path, last: Path) -> str:
    try:
        place = read(previous, "cpu")["place"]
    except ValueError:
        return ""
    whole = f"The one before it is whole (epoch {place['epoch']}, step {place['step']})"
    return f". {whole}: `mv {previous} {last}`, then resume again"


def _step_of(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except ValueError:  # cut short by a kill
        return math.inf


def recorded(record: dict) -> tuple[dict, int]:
    """The values of an epoch and its number, as a run takes them."""
    return {name: value for name, value in record.items() if name != "epoch"}, record["epoch"]


def ranks() -> tuple[int, int]:
    """The number of this process, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
