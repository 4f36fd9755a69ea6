"""Where a training is, between one step and the next."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class TrainState:
    """Where a training is: all of a checkpoint that is not the learner's."""

    epoch: int = 0  # the one under way, or the last
    step: int = 0  # optimiser steps since the beginning
    n_batches: int = 0  # of this epoch that this process has done; 0 between epochs
    sums: dict[str, float] = field(
        default_factory=dict
    )  # over this epoch's items: of each term, and `n_items`
    steps: dict[str, float] = field(
        default_factory=dict
    )  # over this epoch's steps: of each norm, of times, of events
    largest: float = 0.0  # gradient norm of this epoch
    n_bad: int = 0  # steps in a row that were not finite
    went_back: bool = False
    training_s: float = 0.0
    recording_s: float = 0.0
    history: list[dict] = field(default_factory=list)


@contextmanager
def recording_time(place: TrainState) -> Iterator[None]:
    """Count what is done here as time for recording."""
    began = time.perf_counter()
    yield
    place.recording_s += time.perf_counter() - began


def as_metrics(record: dict) -> tuple[dict, int]:
    """The values of an epoch and its number, as a run takes them; first the one that MLflow shall compare runs by."""
    names = sorted(record, key="best/gap_closed".__ne__)
    return {name: record[name] for name in names if name != "epoch"}, record["epoch"]
