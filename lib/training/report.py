"""What an epoch's steps were: sums, means, one line for the terminal."""

import psutil
import torch

from lib.audio.files import SAMPLE_RATE
from lib.losses.reconstruction import TERMS
from lib.training.learner import Learner, StepResult
from lib.training.state import TrainState


def count_step(
    place: TrainState, step: StepResult, n_items: int, waited_s: float, took_s: float
) -> None:
    """Add a step to the sums of its epoch; one that was skipped counts as such, and in nothing else."""
    if step.finite:
        for name, term in step.terms.items():
            place.sums[name] = place.sums.get(name, 0.0) + n_items * term
        place.sums["n_items"] = place.sums.get("n_items", 0) + n_items
        place.largest = max(place.largest, step.norms["generator"])
        steps = {f"norm/{name}": norm for name, norm in step.norms.items()} | {"n_steps": 1}
    else:
        steps = {"n_skipped": 1}
    for name, value in (steps | {"waited_s": waited_s, "took_s": took_s}).items():
        place.steps[name] = place.steps.get(name, 0.0) + value


def epoch_record(p, place: TrainState, learner: Learner) -> dict:
    """What an epoch's steps were, for the history."""
    n_items, n_steps = place.sums.get("n_items", 0), place.steps.get("n_steps", 0)
    record = {
        f"train/{name}": total / n_items
        for name, total in place.sums.items()
        if name != "n_items" and n_items
    }
    norms = {
        name.partition("/")[2]: total / n_steps
        for name, total in place.steps.items()
        if name.startswith("norm/")
    }
    record |= {f"train/grad_norm_{name.rpartition('/')[2]}": norm for name, norm in norms.items()}
    record |= {
        "train/grad_norm_max": place.largest,
        "train/skipped_steps": place.steps.get("n_skipped", 0.0),
    }
    for name, adam in (("lr", learner.adam_g), ("lr_discriminator", learner.adam_d)):
        record[f"train/{name}"] = adam.param_groups[0]["lr"]
    seconds = place.steps["took_s"]
    place.training_s += seconds
    record |= {
        "time/epoch_s": seconds,
        "time/audio_per_s": n_items * p.segment_length / SAMPLE_RATE / seconds,
        "time/waiting_share": place.steps["waited_s"] / seconds,
        "time/recording_share": place.recording_s / place.training_s,
    }
    if learner.device.startswith("cuda"):
        record["memory/gpu_peak_mb"] = torch.cuda.max_memory_allocated() / 2**20
    return record | {"memory/process_mb": psutil.Process().memory_info().rss / 2**20}


def epoch_line(record: dict, epochs: int) -> str:
    """One epoch in a line, for terminal and notebook."""
    terms = ", ".join(f"{name} {record[f'train/{name}']:.3f}" for name in (*TERMS, "adversarial", "features")
                      if f"train/{name}" in record)  # fmt: skip
    scores = f"LSD {record['valid/lsd_db']:.2f} dB, MCD {record['valid/mcd_db']:.2f} dB, PESQ {record['valid/pesq']:.2f}"
    return (
        f"epoch {record['epoch']}/{epochs}: train {terms} | valid {scores}, gap closed {record['valid/gap_closed']:+.1%}"
        f" (best {record['best/gap_closed']:+.1%} in epoch {record['best/epoch']})"
    )
