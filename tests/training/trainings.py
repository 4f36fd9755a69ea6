"""Small trainings on a small corpus, which tests of this folder share."""

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
import torch

from lib import REPO, RUNS
from lib.config.base import build
from lib.config.train import Train
from lib.training.learner import Learner
from lib.training.loop import train
from lib.training.step import Batch

SEGMENT_LENGTH = 9_600
SMALL = {
    "corpus": "train",
    "channels": 6,
    "batch_size": 4,
    "segment_length": SEGMENT_LENGTH,
    "n_samples_logged": 1,
    "device": "cpu",
    "precision": "fp32",  # the same on every machine, and equal within its rounding
    "n_valid_scored": 2,
    "register_model": False,  # it takes seconds; the notebook's test does it
}
# Three epochs of five steps, with checkpoints within the epochs.
RESUMED = {
    "epochs": 3,
    "gan_start_epoch": 2,
    "batch_size": 1,
    "accumulate": 2,
    "checkpoint_steps": 2,
}


class Recorder:
    """Keeps in memory what a run records: the part of `lib.tracking.run.Run` that training uses."""

    def __init__(self, last_step: int = -1):
        self.values, self.curves, self.files, self.last_step = [], [], [], last_step

    def metrics(self, values, step):
        # Points of curves over steps come by the clock, the others with each epoch.
        kept = self.curves if all(name.startswith("step/") for name in values) else self.values
        kept.append((step, values))

    def file(self, path, folder=""):
        assert path.exists()
        self.files.append(f"{folder}/{path.name}")


class Killed(BaseException):
    """As abrupt as a signal: nothing in the training catches it."""


def settings(**given) -> Train:
    return build(Train, SMALL | given)


def run(p: Train, rows: dict, out: Path) -> tuple[pd.DataFrame, Recorder]:
    recorder = Recorder()
    return train(p, rows, out, recorder, {"corpus": "train"}), recorder


def cut_short(p: Train, rows: dict, out: Path, step: int, monkeypatch) -> None:
    """Train until optimiser step `step` has been taken, and die before it is recorded."""
    taken = count()

    def step_and_die(self, *args, original=Learner.step):
        result = original(self, *args)
        if next(taken) + 1 == step:
            raise Killed
        return result

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Learner, "step", step_and_die)
        run(p, rows, out)


def saved_learner(out: Path) -> dict:
    return torch.load(out / "last.pt", weights_only=True)["learner"]


def assert_same_networks(first: dict, second: dict) -> None:
    """Two states of a learner have equal weights, bit for bit."""
    for name in ("generator", "average", "discriminators"):
        for key, value in first[name].items():
            torch.testing.assert_close(
                value, second[name][key], rtol=0, atol=0, msg=f"{name} {key}"
            )


def timeless(history: pd.DataFrame) -> pd.DataFrame:
    """The columns that do not depend on the machine."""
    return history[[name for name in history if not name.startswith(("time/", "memory/"))]]


def assert_same_history(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Equal records: those of training bit for bit, those of validation but for rounding.

    The last bit of a transform or of a judge's score may depend on where a signal lies in memory.
    """
    first, second = timeless(first), timeless(second)
    trained = [name for name in first if not name.startswith(("valid/", "best/"))]
    pd.testing.assert_frame_equal(first[trained], second[trained], check_exact=True)
    pd.testing.assert_frame_equal(first, second, check_exact=False, rtol=1e-4, atol=1e-6)


def small_learner(n_steps: int = 10, device: str = "cpu", **given) -> Learner:
    """A learner of four channels."""
    smaller = {"channels": 4, "hidden": 16, "warmup_steps": 0, "lr": 1e-3}
    return Learner(settings(**(smaller | given)), n_steps, device)


def random_batch(n: int = 4, seed: int = 0) -> Batch:
    """Noise, in items of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    signals = 0.1 * torch.randn(3, n, 1, SEGMENT_LENGTH, generator=generator)
    n_samples = torch.full((n,), SEGMENT_LENGTH) - 480 * torch.arange(n)
    return Batch(*signals, n_samples, torch.full((n,), 24_000.0))


def weights(learner: Learner, name: str = "generator") -> torch.Tensor:
    """All weights of one of its networks in a row."""
    return torch.cat([weight.detach().flatten() for weight in getattr(learner, name).parameters()])


def command(*words: str, module: str = "lib.train") -> list[str]:
    return [sys.executable, "-m", module, *words]


def environment() -> dict[str, str]:
    """Variables for a child process that writes where the tests write."""
    return os.environ | {"RETIMBRE_RUNS": str(RUNS), "OMP_NUM_THREADS": "1"}


def run_command(words: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(words, cwd=REPO, env=environment(), capture_output=True, text=True)
