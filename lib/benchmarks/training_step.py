"""Where a training step with the GAN spends its time."""

import torch

from lib.config.train import Train
from lib.deepfilter.grid import DELAY, SAMPLE_RATE
from lib.runtime.threads import one_thread
from lib.training.batches import LEAD_IN_LENGTH, to_batch
from lib.training.learner import Learner

# The parts of a step, as the training marks them for the profiler.
PARTS = (
    "DeepFilterNet3",
    "generator",
    "losses",
    "discriminators, for the generator",
    "backward",
    "discriminators, for themselves",
    "norms, optimisers, average",
)


def step_parts(
    p: Train, layout: torch.memory_format = torch.channels_last, n_steps: int = 3
) -> dict[str, float]:
    """The time of each part of a step on one thread: ms for a second of audio.

    Args:
        p: parameters of a training, with `on_the_fly`.
        layout: of the generator's weights in memory.
        n_steps: steps that count; one before them warms up.
    """
    random = torch.Generator().manual_seed(p.seed)
    length = LEAD_IN_LENGTH + p.segment_length + DELAY
    # Noise takes as long as speech. The lead-in warms DeepFilterNet3 up, its delay follows.
    signals = 0.1 * torch.randn(2, p.batch_size, 1, length, generator=random)
    meta = {"clean_path": "", "noisy_len": length, "bandwidth_hz": SAMPLE_RATE / 2}
    loaded = (*signals, None, [meta] * p.batch_size)
    learner = Learner(p, n_steps, "cpu")
    learner.generator.to(memory_format=layout)
    with one_thread():
        # The first step is not measured: it starts engines and fills caches.
        learner.step([to_batch(p, loaded, "cpu")], ramp=1.0)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            for _ in range(n_steps):
                learner.step([to_batch(p, loaded, "cpu")], ramp=1.0)
    seconds = n_steps * p.batch_size * p.segment_length / SAMPLE_RATE
    # The profiler counts in microseconds.
    times = {event.key: event.cpu_time_total / 1000 / seconds for event in profile.key_averages()}
    return {name: times[name] for name in PARTS}
