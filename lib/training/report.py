"""What an epoch's steps were: sums, their means, one line for the terminal."""

import psutil
import torch

from lib.audio.files import SAMPLE_RATE
from lib.losses.reconstruction import TERMS
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
      loader and of recording.
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


def epoch_line(record: dict, n_epochs: int) -> str:
    """One epoch in a line, for terminal and notebook."""
    terms = ", ".join(
        f"{name} {record[f'train/{name}']:.3f}"
        for name in (*TERMS, *GAN_TERMS)
        if f"train/{name}" in record
    )
    lsd_db, mcd_db, pesq, gap = (
        record[f"valid/{name}"] for name in ("lsd_db", "mcd_db", "pesq", "gap_closed")
    )
    best = f"best {record['best/gap_closed']:+.1%} in epoch {record['best/epoch']}"
    return (
        f"epoch {record['epoch']}/{n_epochs}: train {terms}"
        f" | valid LSD {lsd_db:.2f} dB, MCD {mcd_db:.2f} dB, PESQ {pesq:.2f},"
        f" gap closed {gap:+.1%} ({best})"
    )


def _add(sums: dict[str, float], values: dict[str, float]) -> None:
    for name, value in values.items():
        sums[name] = sums.get(name, 0.0) + value
