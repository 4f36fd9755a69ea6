"""The restorer for programs without PyTorch: an ONNX model of one hop of 10 ms with explicit states, and what to know of it.

Metadata of the model: sample_rate, hop_length, delay (samples), n_inputs, run, opset. Inputs: `inputs` `[1, n_inputs, 480]`
(enhanced, and noisy if there are two) and `state_0`, ...; outputs: `restored` `[1, 1, 480]` and `state_0_after`, ..., which go in
with the next hop. The first states are zeros.
"""

import io
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from lib.audio.files import SAMPLE_RATE
from lib.models.generator import folded_copy


def export_hop(generator: nn.Module) -> bytes:
    """An ONNX model of one hop with explicit states: `inputs` `[1, C, 480]`, `state_0`, ... -> `restored`, `state_0_after`, ...

    Weight norms are folded into the weights of a copy; a hop's DFT is done by small matrices there.
    """
    single = folded_copy(generator)
    state = single.start(1)
    names = ["inputs", *(f"state_{i}" for i in range(len(state)))]
    results = ["restored", *(f"{name}_after" for name in names[1:])]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of the exporter about itself, and of GRUs, whose state is an input here
        torch.onnx.export(
            _Hop(single), (torch.zeros(1, single.n_inputs, single.hop_length), *state), file, input_names=names,
            output_names=results, opset_version=17, dynamo=False,
        )  # fmt: skip
    return file.getvalue()


class _Hop(nn.Module):
    """The generator with its state as single arguments and results, as ONNX has them."""

    def __init__(self, generator: nn.Module):
        super().__init__()
        self.generator = generator

    def forward(self, inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        restored, state = self.generator(inputs, list(state))
        return restored, *state


N_HOPS = 100  # of noise, with pauses, that the model is held against PyTorch with
MAX_DIFFERENCE = 1e-4  # difference of a sample


def write_onnx(generator: nn.Module, path: str | Path, run: str = "") -> Path:
    """Export, verify, and store with metadata; the file appears only if it does as PyTorch does.

    Raises `RuntimeError` if a sample differs by more than 1e-4.
    """
    model = onnx.load_from_string(export_hop(generator))
    about = {
        "sample_rate": SAMPLE_RATE, "hop_length": generator.hop_length, "delay": generator.delay,
        "n_inputs": generator.n_inputs, "run": run, "opset": model.opset_import[0].version,
    }  # fmt: skip
    onnx.helper.set_model_props(model, {name: str(value) for name, value in about.items()})
    data = model.SerializeToString()
    if (found := max_difference(generator, data)) > MAX_DIFFERENCE:
        raise RuntimeError(
            f"{path}: differs from PyTorch by {found:.2g}, expected at most {MAX_DIFFERENCE:g}; nothing was written"
        )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    return part.replace(path)


@torch.no_grad()
def max_difference(generator: nn.Module, model: bytes, seed: int = 0) -> float:
    """The largest difference of a sample between the model, hop by hop, and PyTorch, in chunks of random numbers of hops."""
    rng = np.random.default_rng(seed)
    hops = 0.1 * rng.standard_normal((N_HOPS, 1, generator.n_inputs, generator.hop_length)).astype(
        np.float32
    )
    hops[N_HOPS // 2 : N_HOPS // 2 + 10] = 0.0
    single, running = folded_copy(generator), _session(model)
    ours, _ = _through(running, np.concatenate(list(hops), axis=2), None)
    state, theirs, start = None, [], 0
    while start < N_HOPS:
        stop = start + int(rng.integers(1, 12))
        chunk = torch.from_numpy(np.concatenate(list(hops[start:stop]), axis=2))
        restored, state = single(chunk, state)
        theirs.append(restored.numpy())
        start = stop
    return float(np.abs(ours - np.concatenate(theirs, axis=2)).max())


def run_hops(
    generator: nn.Module, inputs: np.ndarray, state: list | None = None
) -> tuple[np.ndarray, list]:
    """As the generator itself, hop by hop in ONNX Runtime on one thread: `[1, C, T]` -> `[1, 1, T]`, and the state behind it.

    On a CPU a single hop is six times as fast as in PyTorch, and a whole recording no slower.
    """
    return _through(_of(generator), inputs, state)


@lru_cache(4)
def _of(generator: nn.Module) -> onnxruntime.InferenceSession:
    return _session(export_hop(generator))


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _through(
    session: onnxruntime.InferenceSession, inputs: np.ndarray, state: list | None
) -> tuple[np.ndarray, list]:
    described = session.get_inputs()
    hop_length = described[0].shape[2]
    state = [np.zeros(one.shape, np.float32) for one in described[1:]] if state is None else state
    out = []
    for start in range(0, inputs.shape[2], hop_length):
        heard = {"inputs": inputs[:, :, start : start + hop_length]} | {
            f"state_{i}": x for i, x in enumerate(state)
        }
        restored, *state = session.run(None, heard)
        out.append(restored)
    return np.concatenate(out, axis=2), state
