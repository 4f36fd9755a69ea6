"""What a training leaves on disk: checkpoints that it can go on from, and the steps whose gradients were too large.

A checkpoint holds all that a step changes, the parameters and the versions; it appears whole or not at all, and loads without
running code. With several processes only the first one writes.
"""

import json
import math
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import pandas as pd
import torch
import torch.distributed as dist

from lib.step import Learner, Step

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


@contextmanager
def recording(place: Place) -> Iterator[None]:
    """Count what is done here as time for recording."""
    began = time.perf_counter()
    yield
    place.recording_s += time.perf_counter() - began


class Keeper:
    """Writes and reads a training's checkpoints and spikes, and hands them to its run. Only the first process writes.

    `about`: identity of the data; a checkpoint of other data is not gone on with.
    """

    def __init__(self, p, out: Path, run, about: dict[str, str], learner: Learner):
        self.p, self.out, self.run, self.about, self.learner = p, out, run, about, learner
        self.writes, self.fresh = ranks()[0] == 0, set()  # files that the run has not got yet
        if self.writes:
            out.mkdir(parents=True, exist_ok=True)

    def save(self, place: Place, names: Sequence[str] = ()) -> None:
        """Write a checkpoint as `last.pt`, and under other names; the `last.pt` that was is `previous.pt` then.

        Each appears whole or not at all. Not while steps are skipped: weights that overflow are not to be gone back to.
        """
        if not self.writes or (place.n_bad and not names):
            return
        with recording(place):
            content = {"place": asdict(place), "params": self.p.model_dump(), "about": self.about, "format": FORMAT}
            content |= {"versions": {"python": platform.python_version(), "torch": str(torch.__version__)}}
            content |= {"random": torch.get_rng_state(), "learner": self.learner.state_dict()}
            part, last, previous = (self.out / name for name in ("last.part", "last.pt", "previous.pt"))
            torch.save(content, part)
            for name in names:
                _link(part, self.out / name)
            if not place.n_bad:
                if last.exists():
                    _link(last, previous)
                part.replace(last)
            part.unlink(missing_ok=True)
            self.fresh |= {"last.pt", *names}

    def load(self, place: Place) -> None:
        """Go on from `last.pt`, with `place` where that is. Raises `ValueError` if it cannot be, and says what can."""
        last, previous = self.out / "last.pt", self.out / "previous.pt"
        try:
            saved = read(last)
        except ValueError as error:
            raise ValueError(f"{error}{_offer(previous, last)}") from None
        if saved["about"] != self.about:
            raise ValueError(f"{last}: trained on {saved['about']}, expected {self.about}: resume with its own pairs")
        try:
            self.learner.load_state_dict(saved["learner"])
        except (KeyError, ValueError, RuntimeError):
            raise ValueError(
                f"{last}: of another network than these parameters describe: resume with its own"
            ) from None
        torch.set_rng_state(saved["random"])
        vars(place).update(saved["place"])

    def epoch(self, place: Place) -> None:
        """Record an epoch and write its checkpoints: `last.pt`, `best.pt` if there was none as good, `before_gan.pt`."""
        record = place.history[-1]
        best = max(place.history, key=lambda past: past["valid/gap_closed"])
        record |= {"best/gap_closed": best["valid/gap_closed"], "best/epoch": best["epoch"]}
        names = ["best.pt"] if best is record else []
        names += ["before_gan.pt"] if place.epoch == self.p.gan_start_epoch - 1 else []
        self.save(place, names)
        with recording(place):
            self.run.metrics(*recorded(record))

    def hand_over(self) -> None:
        """Give the run the files that it has not got yet."""
        if self.writes:
            for name in sorted(self.fresh):
                self.run.file(self.out / name, "checkpoints")
            self.fresh.clear()
            if (self.out / SPIKES).exists():
                self.run.file(self.out / SPIKES)

    def spike(self, place: Place, step: Step, metas: list[dict]) -> None:
        """Write down a step whose gradient was too large or not finite, with all its items, of all processes."""
        rank, n_ranks = ranks()
        found = [{"rank": rank} | meta for meta in metas]
        if n_ranks > 1:
            everyone: list = [None] * n_ranks
            dist.all_gather_object(everyone, found)
            found = [meta for one in everyone for meta in one]
        numbers = {"grad_norm": step.norms["generator"], **step.terms}
        numbers |= {f"grad_norm_{name}": norm for name, norm in step.norms.items() if name == "discriminators"}
        numbers = {name: value if math.isfinite(value) else None for name, value in numbers.items()}  # JSON has no NaN
        if self.writes:
            with recording(place), (self.out / SPIKES).open("a") as file:
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


def read(path: Path) -> dict:
    """A checkpoint that this training wrote, on the CPU. Raises `ValueError`, with its name, if it is none."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["format"] != FORMAT or not {"learner", "params", "place"} <= set(saved):
            raise KeyError(saved["format"])
    except (LookupError, TypeError, RuntimeError, OSError, UnpicklingError, EOFError) as error:
        raise ValueError(f"{path}: not a checkpoint of this project's training ({type(error).__name__})") from None
    return saved


def _link(path: Path, name: Path) -> None:
    """`name` becomes another name of the file `path`, at once."""
    part = name.with_suffix(".link")
    part.unlink(missing_ok=True)
    part.hardlink_to(path)
    part.replace(name)


def _offer(previous: Path, last: Path) -> str:
    try:
        place = read(previous)["place"]
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
    """The values of an epoch and its number, as a run takes them; first the one that MLflow shall compare runs by."""
    names = sorted(record, key="best/gap_closed".__ne__)
    return {name: record[name] for name in names if name != "epoch"}, record["epoch"]


def ranks() -> tuple[int, int]:
    """The number of this process, and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
