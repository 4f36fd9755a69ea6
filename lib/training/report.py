"""What an epoch's steps were: sums, their means, one line for the terminal."""

import math

import psutil
import torch

from lib.audio.files import SAMPLE_RATE
from lib.losses.reconstruction import TERMS
from lib.metrics.labels import LABELS, number
from lib.metrics.registry import SELECTION
from lib.training.learner import GAN_TERMS, Learner
from lib.training.state import TrainState
from lib.training.step import StepResult


def count_step(
    state: TrainState, result: StepResult, n_items: int, waited_s: float, took_s: float
) -> None:
    """Add a step to the sums of its epoch. A skipped step counts as skipped and in its times only.

    Args:
        n_items: of the step, in all processes.
        waited_s: time that the loader kept the step waiting.
        took_s: time of the whole step, including that.
    """
    if result.finite:
        terms = {name: n_items * term for name, term in result.terms.items()}
        _add(state.term_sums, terms | {"n_items": n_items})
        _add(state.step_sums, {f"norm/{name}": norm for name, norm in result.norms.items()})
        _add(state.step_sums, {"n_steps": 1})
        state.max_grad_norm = max(state.max_grad_norm, result.norms["generator"])
    else:
        _add(state.step_sums, {"n_skipped": 1})
    _add(state.step_sums, {"waited_s": waited_s, "took_s": took_s})


def epoch_record(state: TrainState, learner: Learner, segment_length: int) -> dict[str, float]:
    """The numbers of an epoch's steps, for the history.

    - `train/<term>`: means of the loss terms over the items.
    - `train/grad_norm_<part>`: means over the steps, before clipping; `train/grad_norm_max`.
    - `train/skipped_steps`, `train/lr`, `train/lr_discriminator`: counts and learning rates.
    - `time/...`: seconds of the epoch, seconds of audio per second, and shares of waiting for the
      loader and of recording. That of the validations follows when the epoch is validated.
    - `memory/...`: in MiB.
    """
    n_items, n_steps = state.term_sums.get("n_items", 0), state.step_sums.get("n_steps", 0)
    record = {
        f"train/{name}": total / n_items
        for name, total in state.term_sums.items()
        if name != "n_items" and n_items
    }
    for name, total in state.step_sums.items():
        if name.startswith("norm/"):
            # norm/generator/gru is logged as train/grad_norm_gru.
            record[f"train/grad_norm_{name.rpartition('/')[2]}"] = total / n_steps
    took_s = state.step_sums["took_s"]
    state.training_s += took_s
    record |= {
        "train/grad_norm_max": state.max_grad_norm,
        "train/skipped_steps": state.step_sums.get("n_skipped", 0.0),
        "train/lr": learner.adam_g.param_groups[0]["lr"],
        "train/lr_discriminator": learner.adam_d.param_groups[0]["lr"],
        "time/epoch_s": took_s,
        "time/audio_per_s": n_items * segment_length / SAMPLE_RATE / took_s,
        "time/waiting_share": state.step_sums["waited_s"] / took_s,
        "time/recording_share": state.recording_s / state.training_s,
    }
    if learner.device.startswith("cuda"):
        record["memory/gpu_peak_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return record | {"memory/process_mb": psutil.Process().memory_info().rss / 2**20}


def validation_share(state: TrainState) -> dict[str, float]:
    """`time/validation_share`: the time of all validations over that of all steps.

    It is for the history, and none before the first step.

    >>> validation_share(TrainState(training_s=200.0, validation_s=12.0))
    {'time/validation_share': 0.06}
    """
    if not state.training_s:
        return {}
    return {"time/validation_share": state.validation_s / state.training_s}


def epoch_line(record: dict, n_epochs: int) -> str:
    """One epoch in a line, for terminal and notebook.

    Args:
        record: of the epoch, with its `best/epoch`; without `best/selection` no epoch could be
            judged.
    """
    terms = ", ".join(
        f"{name} {record[f'train/{name}']:.3f}"
        for name in (*TERMS, *GAN_TERMS)
        if f"train/{name}" in record
    )
    judged = ", ".join(
        f"{LABELS[name].name} {number(record[f'valid/{name}'], name)}" for name in SELECTION
    )
    return (
        f"epoch {record['epoch']}/{n_epochs}: train {terms} | valid {judged},"
        f" selection {_signed(record['valid/selection'])} ({best_text(record)})"
    )


def best_text(record: dict) -> str:
    """Which epoch is kept so far, and what that means, for a reader.

    >>> best_text({"best/epoch": 4, "best/selection": 0.12})
    'best +0.120 in epoch 4'
    >>> best_text({"best/epoch": 0, "best/selection": -0.001})
    'best -0.001 in epoch 0: the judges prefer the generator as it was before training'
    >>> best_text({"best/epoch": 4})
    'no judge could score an epoch: the latest is kept'
    """
    if "best/selection" not in record:
        return "no judge could score an epoch: the latest is kept"
    text = f"best {_signed(record['best/selection'])} in epoch {int(record['best/epoch'])}"
    if record["best/epoch"] == 0:
        text += ": the judges prefer the generator as it was before training"
    return text


def _signed(selection: float) -> str:
    return f"{selection:+.3f}" if math.isfinite(selection) else "-"


def _add(sums: dict[str, float], values: dict[str, float]) -> None:
    for name, value in values.items():
        sums[name] = sums.get(name, 0.0) + value
