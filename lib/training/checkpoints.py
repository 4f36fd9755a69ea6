"""Checkpoints, which a training can be resumed from.

A checkpoint holds all that a step changes, the parameters and the versions. It appears whole or not
at all, and loading it runs no code. With several processes only the first one writes.
"""

import math
import platform
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError

import torch

from lib.config.renamed import current_names
from lib.config.train import Train
from lib.runtime.whole_file import whole_file
from lib.tracking.run import Run
from lib.training import old_format
from lib.training.distributed import ranks
from lib.training.learner import Learner
from lib.training.spikes import SPIKES
from lib.training.state import TrainState, as_metrics, recording_time

FORMAT = "retimbre training 2"


class Checkpoints:
    """Writes, reads and logs the checkpoints of a training, in the folder `out`.

    Args:
        p: parameters, stored in each checkpoint.
        out: folder, made if it is not there.
        run: gets files and metrics in the first process; the others have None.
        about: identity of the data. A training does not resume from a checkpoint of other data.
        learner: what learns; saved and loaded.
    """

    def __init__(
        self, p: Train, out: Path, run: Run | None, about: dict[str, str], learner: Learner
    ):
        self.p = p
        self.out = out
        self.run = run
        self.about = about
        self.learner = learner
        self.writes = ranks()[0] == 0
        self.not_logged: set[str] = set()  # names of files that the run has not got yet
        self.last_is_finite = True  # whether the steps before `last.pt` were
        if self.writes:
            out.mkdir(parents=True, exist_ok=True)

    def save(self, state: TrainState, names: Sequence[str] = ()) -> None:
        """Write `last.pt`, and the same file under `names`; the former `last.pt` is `previous.pt`.

        A `last.pt` that was written while steps were not finite does not become `previous.pt`:
        training must not go back to weights that overflow.
        """
        if not self.writes:
            return
        with recording_time(state):
            part, last = self.out / "last.part", self.out / "last.pt"
            # On a full disk PyTorch says nothing of the disk, and leaves half of the file.
            with whole_file(part) as file:
                torch.save(self._content(state), file)
            for name in names:
                _link_or_copy(part, self.out / name)
            if last.exists() and self.last_is_finite:
                _link_or_copy(last, self.out / "previous.pt")
            part.replace(last)
            self.last_is_finite = not state.n_nonfinite
            self.not_logged |= {"last.pt", *names}

    def load(self, state: TrainState, name: str = "last.pt") -> None:
        """Set learner, random state and `state` to those of `last.pt`, or of the file `name`.

        Raises:
            ValueError: it is broken (the message offers `previous.pt`), of other data, or of
                another network.
        """
        last = self.out / name
        try:
            saved = read_checkpoint(last)
        except ValueError as error:
            raise ValueError(f"{error}{_offer(self.out / 'previous.pt', last)}") from None
        if saved["about"] != self.about:
            raise ValueError(
                f"{last}: trained on {saved['about']}, expected {self.about}:"
                " resume with its own pairs"
            )
        try:
            self.learner.load_state_dict(saved["learner"])
        except (KeyError, ValueError, RuntimeError):
            raise ValueError(
                f"{last}: of another network than these parameters describe: resume with its own"
            ) from None
        torch.set_rng_state(saved["random"])
        vars(state).update(saved["state"])
        if name == "last.pt":
            self.last_is_finite = not state.n_nonfinite

    def go_back(self, state: TrainState) -> None:
        """Load the last checkpoint before which steps were finite."""
        self.load(state)
        # An epoch has its checkpoint even if its last steps were not finite.
        if state.n_nonfinite and (self.out / "previous.pt").exists():
            self.load(state, "previous.pt")

    def save_epoch(self, state: TrainState, names: Sequence[str] = ()) -> None:
        """Log the epoch that ended and save, as `best.pt` too if no epoch was as good."""
        record = state.history[-1]
        best = best_record(state.history)
        record["best/epoch"] = best["epoch"]
        if is_eligible(best):
            record["best/selection"] = best["valid/selection"]
        self.save(state, [*(["best.pt"] if best is record else []), *names])
        with recording_time(state):
            self.run.metrics(*as_metrics(record))

    def log_files(self) -> None:
        """Give the run the files that it has not got yet."""
        if self.writes:
            for name in sorted(self.not_logged):
                self.run.file(self.out / name, "checkpoints")
            self.not_logged.clear()
            if (self.out / SPIKES).exists():
                self.run.file(self.out / SPIKES)

    def _content(self, state: TrainState) -> dict:
        return {
            "format": FORMAT,
            "state": asdict(state),
            "params": self.p.model_dump(),
            "about": self.about,
            "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
            "random": torch.get_rng_state(),
            "learner": self.learner.state_dict(),
        }


def best_record(history: Sequence[dict]) -> dict:
    """The record of the epoch to keep: the first one with the highest `valid/selection`.

    An epoch in which no judge could score is not eligible, nor one of a version that had no
    `valid/selection`. As long as no epoch is eligible, the last one is kept.

    >>> history = [{"epoch": 0, "valid/selection": 0.0}, {"epoch": 1, "valid/selection": math.nan}]
    >>> best_record(history)["epoch"], best_record(history[1:])["epoch"]
    (0, 1)
    """
    eligible = filter(is_eligible, history)
    return max(eligible, key=lambda past: past["valid/selection"], default=history[-1])


def is_eligible(record: dict) -> bool:
    """Whether an epoch with this record may be the best one."""
    return math.isfinite(record.get("valid/selection", math.nan))


def read_checkpoint(path: Path) -> dict:
    """A checkpoint on the CPU, in the present format; older ones are converted.

    Keys: state (fields of `TrainState`), params, about, versions, random, learner.

    Raises:
        ValueError: the file is no checkpoint; the message has its path.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        if saved["format"] == old_format.OLD_FORMAT:
            saved = old_format.converted(saved)
        elif saved["format"] != FORMAT:
            raise KeyError(saved["format"])
        if not {"learner", "params", "state"} <= set(saved):
            raise KeyError(saved["format"])
        saved["params"] = current_names(saved["params"])
        saved["learner"].setdefault("balance", {"norms": None})
    except (LookupError, TypeError, RuntimeError, OSError, UnpicklingError, EOFError) as error:
        raise ValueError(
            f"{path}: not a checkpoint of this project's training ({type(error).__name__})"
        ) from None
    return saved


def _link_or_copy(path: Path, name: Path) -> None:
    """Make `name` another name of the file `path`, or a copy of it; at once."""
    part = name.with_suffix(".link")
    part.unlink(missing_ok=True)
    try:
        part.hardlink_to(path)
    except OSError:  # exFAT and some network drives have no links
        shutil.copyfile(path, part)
    part.replace(name)


def _offer(previous: Path, last: Path) -> str:
    try:
        state = read_checkpoint(previous)["state"]
    except ValueError:
        return ""
    place = f"epoch {state['epoch']}, step {state['step']}"
    return f". The one before it is whole ({place}): `mv {previous} {last}`, then resume again"
