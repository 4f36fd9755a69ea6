"""What a generator costs, beside the network that it replaces: for the notebook `bench`. One thread, one run."""

import time
from collections.abc import Iterator

import numpy as np
import onnxruntime
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lib.benchmarks.items import seconds_of
from lib.benchmarks.wide_unet import WideUNet
from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.models import spectral, waveform
from lib.models.export import export_hop
from lib.models.generator import folded_copy, make_generator, restore_aligned
from lib.runtime.progress import progress
from lib.runtime.threads import one_thread


def candidates() -> Iterator[tuple[str, nn.Module]]:
    """Name and network of every size of both generators, and of the one to compare with."""
    for name, sizes in (("spectral", spectral.SIZES), ("waveform", waveform.SIZES)):
        for size, (channels, hidden) in sizes.items():
            yield f"{name} {size}", make_generator(name, channels, hidden)
    yield "wide U-Net", WideUNet()


def costs(n_hops: int = 300, n_repeats: int = 3, seed: int = 0) -> pd.DataFrame:
    """A row for each of `candidates`, all with random weights.

    Columns: name, parameters, gmac_per_s (counted by PyTorch; FFTs count as zero), rtf (offline, PyTorch), onnx_ms and
    onnx_p99_ms (a hop of 10 ms in ONNX Runtime, by the export with explicit states), eager_ms (in PyTorch), onnx_error (largest
    difference of the two over 30 hops), train_audio_per_s (seconds of audio, forward and backward, in a second).
    """
    rows = []
    with one_thread():
        for name, network in progress(list(candidates()), "generators"):
            torch.manual_seed(seed)
            single = folded_copy(network)
            hops = 0.1 * torch.randn(n_hops, 1, network.n_inputs, HOP_LENGTH)
            whole = hops[:100].transpose(0, 2).flatten(2).transpose(0, 1).contiguous()
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                single(torch.zeros(1, network.n_inputs, SAMPLE_RATE))
            with torch.no_grad():
                offline_s = min(seconds_of(single, whole) for _ in range(n_repeats))
            onnx_ms, error = _in_onnx_runtime(single, export_hop(network), hops)
            rows.append({
                "name": name, "parameters": sum(weight.numel() for weight in single.parameters()),
                "gmac_per_s": counter.get_total_flops() / 2e9, "rtf": offline_s * SAMPLE_RATE / whole.shape[2],
                "onnx_ms": np.median(onnx_ms), "onnx_p99_ms": np.quantile(onnx_ms, 0.99),
                "eager_ms": np.median(_eager(single, hops[:60])), "onnx_error": error,
                "train_audio_per_s": _training(network, n_repeats),
            })  # fmt: skip
    return pd.DataFrame(rows)


def on_cuda(batch_size: int = 16, n_steps: int = 10) -> pd.DataFrame:
    """Training on a CUDA device: columns name, dtype, train_audio_per_s (batches of segments of 1 s), peak_mb."""
    rows = []
    for name, network in (
        progress(list(candidates()), "on CUDA") if torch.cuda.is_available() else ()
    ):
        for dtype in (torch.float32, torch.bfloat16):
            network.cuda().zero_grad()
            inputs = 0.1 * torch.randn(batch_size, network.n_inputs, SAMPLE_RATE, device="cuda")
            torch.cuda.reset_peak_memory_stats()
            with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
                _step(network, inputs)
                torch.cuda.synchronize()
                began = time.perf_counter()
                for _ in range(n_steps):
                    _step(network, inputs)
                torch.cuda.synchronize()
            speed = n_steps * batch_size / (time.perf_counter() - began)
            peak_mb = torch.cuda.max_memory_allocated() / 2**20
            rows.append(
                {"name": name, "dtype": str(dtype), "train_audio_per_s": speed, "peak_mb": peak_mb}
            )
        network.cpu()
    return pd.DataFrame(rows, columns=["name", "dtype", "train_audio_per_s", "peak_mb"])


def _in_onnx_runtime(single: nn.Module, model: bytes, hops: Tensor) -> tuple[list[float], float]:
    """Milliseconds of each hop, and the largest difference to PyTorch over the first 30."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    state, expected, took, error = (
        [part.numpy() for part in single.start(1)],
        single.start(1),
        [],
        0.0,
    )
    for k, hop in enumerate(hops):
        inputs = {"inputs": hop.numpy()} | {f"state_{i}": part for i, part in enumerate(state)}
        began = time.perf_counter()
        restored, *state = session.run(None, inputs)
        took.append(1000 * (time.perf_counter() - began))
        if k < 30:
            with torch.no_grad():
                output, expected = single(hop, expected)
            error = max(error, float(np.abs(output.numpy() - restored).max()))
    return took[5:], error


@torch.no_grad()
def _eager(single: nn.Module, hops: Tensor) -> list[float]:
    state, took = single.start(1), []
    for hop in hops:
        began = time.perf_counter()
        _, state = single(hop, state)
        took.append(1000 * (time.perf_counter() - began))
    return took[5:]


def _training(network: nn.Module, n_repeats: int) -> float:
    """Seconds of audio forward and backward in a second; the fastest of the steps with a segment of 1 s."""
    inputs = 0.1 * torch.randn(1, network.n_inputs, SAMPLE_RATE)
    return 1 / min(seconds_of(_step, network, inputs) for _ in range(n_repeats))


def _step(network: nn.Module, inputs: Tensor) -> None:
    restore_aligned(network, inputs).float().square().mean().backward()
