"""What a training leaves on disk: checkpoints that it can go on from, and the steps whose gradients were too large.

A checkpoint holds all that a step changes, the parameters and the versions; it appears whole or not at all, and loads without
running code. With several processes only the first one writes.
"""

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError

import torch
import torch.distributed as dist

from lib.training.distributed import ranks
from lib.training.learner import Learner, StepResult
from lib.training.spikes import SPIKES, step_of_line
from lib.training.state import TrainState, as_metrics, recording_time

FORMAT = "retimbre training 1"


class Checkpoints:
    """Writes and reads a training's checkpoints and spikes, and hands them to its run. Only the first process writes.

    `about`: identity of the data; a checkpoint of other data is not gone on with.
    """

    def __init__(self, p, out: Path, run, about: dict[str, str], learner: Learner):
        self.p, self.out, self.run, self.about, self.learner = p, out, run, about, learner
        self.writes, self.fresh = ranks()[0] == 0, set()  # files that the run has not got yet
        if self.writes:
            out.mkdir(parents=True, exist_ok=True)

    def save(self, place: TrainState, names: Sequence[str] = ()) -> None:
        """Write a checkpoint as `last.pt`, and under other names; the `last.pt` that was is `previous.pt` then.

        Each appears whole or not at all. Not while steps are skipped: weights that overflow are not to be gone back to.
        """
        if not self.writes or (place.n_bad and not names):
            return
        with recording_time(place):
            content = {
                "place": asdict(place),
                "params": self.p.model_dump(),
                "about": self.about,
                "format": FORMAT,
            }
            content |= {
                "versions": {"python": platform.python_version(), "torch": str(torch.__version__)}
            }
            content |= {"random": torch.get_rng_state(), "learner": self.learner.state_dict()}
            part, last, previous = (
                self.out / name for name in ("last.part", "last.pt", "previous.pt")
            )
            torch.save(content, part)
            for name in names:
                _link(part, self.out / name)
            if not place.n_bad:
                if last.exists():
                    _link(last, previous)
                part.replace(last)
            part.unlink(missing_ok=True)
            self.fresh |= {"last.pt", *names}

    def load(self, place: TrainState) -> None:
        """Go on from `last.pt`, with `place` where that is. Raises `ValueError` if it cannot be, and says what can."""
        last, previous = self.out / "last.pt", self.out / "previous.pt"
        try:
            saved = read_checkpoint(last)
        except ValueError as error:
            raise ValueError(f"{error}{_offer(previous, last)}") from None
        if saved["about"] != self.about:
            raise ValueError(
                f"{last}: trained on {saved['about']}, expected {self.about}: resume with its own pairs"
            )
        try:
            self.learner.load_state_dict(saved["learner"])
        except (KeyError, ValueError, RuntimeError):
            raise ValueError(
                f"{last}: of another network than these parameters describe: resume with its own"
            ) from None
        torch.set_rng_state(saved["random"])
        vars(place).update(saved["place"])

    def epoch(self, place: TrainState) -> None:
        """Record an epoch and write its checkpoints: `last.pt`, `best.pt` if there was none as good, `before_gan.pt`."""
        record = place.history[-1]
        best = max(place.history, key=lambda past: past["valid/gap_closed"])
        record |= {"best/gap_closed": best["valid/gap_closed"], "best/epoch": best["epoch"]}
        names = ["best.pt"] if best is record else []
        names += ["before_gan.pt"] if place.epoch == self.p.gan_start_epoch - 1 else []
        self.save(place, names)
        with recording_time(place):
            self.run.metrics(*as_metrics(record))

    def hand_over(self) -> None:
        """Give the run the files that it has not got yet."""
        if self.writes:
            for name in sorted(self.fresh):
                self.run.file(self.out / name, "checkpoints")
            self.fresh.clear()
            if (self.out / SPIKES).exists():
                self.run.file(self.out / SPIKES)

    def spike(self, place: TrainState, step: StepResult, metas: list[dict]) -> None:
        """Write down a step whose gradient was too large or not finite, with all its items, of all processes."""
        rank, n_ranks = ranks()
        found = [{"rank": rank} | meta for meta in metas]
        if n_ranks > 1:
            everyone: list = [None] * n_ranks
            dist.all_gather_object(everyone, found)
            found = [meta for one in everyone for meta in one]
        numbers = {"grad_norm": step.norms["generator"], **step.terms}
        numbers |= {
            f"grad_norm_{name}": norm
            for name, norm in step.norms.items()
            if name == "discriminators"
        }
        numbers = {
            name: value if math.isfinite(value) else None for name, value in numbers.items()
        }  # JSON has no NaN
        if self.writes:
            with recording_time(place), (self.out / SPIKES).open("a") as file:
                file.write(
                    json.dumps(
                        {"step": place.step, "epoch": place.epoch, **numbers, "items": found}
                    )
                    + "\n"
                )

    def forget_spikes(self, step: int) -> None:
        """Leave out what was written after the checkpoint that is gone on from: these steps come again."""
        path = self.out / SPIKES
        if self.writes and path.exists():
            kept = [
                line
                for line in path.read_text().splitlines(keepends=True)
                if step_of_line(line) < step
            ]
            part = path.with_suffix(".part")
            part.write_text("".join(kept))
            part.replace(path)


def read_checkpoint(path: Path) -> dict:
    """A checkpoint that this training wrote, on the CPU. Raises `ValueError`, with its name, if it is none."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["format"] != FORMAT or not {"learner", "params", "place"} <= set(saved):
            raise KeyError(saved["format"])
    except (LookupError, TypeError, RuntimeError, OSError, UnpicklingError, EOFError) as error:
        raise ValueError(
            f"{path}: not a checkpoint of this project's training ({type(error).__name__})"
        ) from None
    return saved


def _link(path: Path, name: Path) -> None:
    """`name` becomes another name of the file `path`, at once."""
    part = name.with_suffix(".link")
    part.unlink(missing_ok=True)
    part.hardlink_to(path)
    part.replace(name)


def _offer(previous: Path, last: Path) -> str:
    try:
        place = read_checkpoint(previous)["place"]
    except ValueError:
        return ""
    whole = f"The one before it is whole (epoch {place['epoch']}, step {place['step']})"
    return f". {whole}: `mv {previous} {last}`, then resume again"
