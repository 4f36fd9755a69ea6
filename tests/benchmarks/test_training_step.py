"""The parts of a training step: each is found by the mark that the training sets."""

from lib.benchmarks.training_step import PARTS, step_parts
from lib.config.base import build
from lib.config.train import Train


def test_every_part_of_a_step_takes_time():
    values = {"on_the_fly": True, "batch_size": 1, "segment_length": 24_000, "device": "cpu"}
    small = {"channels": 4, "hidden": 8, "discriminator_channels": 4}
    known = {name: value for name, value in small.items() if name in Train.model_fields}
    parts = step_parts(build(Train, values | known), n_steps=1)
    assert list(parts) == list(PARTS) and all(ms > 0 for ms in parts.values())
