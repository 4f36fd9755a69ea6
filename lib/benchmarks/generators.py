"""The cost of each generator, beside the wide U-Net that they replace, with random weights."""

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lib.benchmarks.timing import seconds_of
from lib.benchmarks.wide_unet import WideUNet
from lib.deepfilter.grid import HOP_LENGTH, SAMPLE_RATE
from lib.deepfilter.onnx_models import open_session
from lib.models import bands, bins, spectral, waveform
from lib.models.export import export_hop
from lib.models.generator import folded_copy, make_generator, restore_aligned
from lib.runtime.progress import progress
from lib.runtime.threads import one_thread

N_OFFLINE_HOPS = 100  # of the signal that is restored as a whole
N_EAGER_HOPS = 60  # that PyTorch gets hop by hop
N_COMPARED_HOPS = 30  # whose outputs in ONNX Runtime and PyTorch are compared
N_WARMUP_HOPS = 5  # that are not timed
CUDA_BATCH_SIZE, N_CUDA_STEPS = 16, 10  # of the training that is timed


def candidates() -> Iterator[tuple[str, nn.Module]]:
    """Name and network of every size of all generators, and of the wide U-Net."""
    for module in (bins, bands, spectral, waveform):
        name = module.__name__.rpartition(".")[2]
        for size, (channels, hidden) in module.SIZES.items():
            yield f"{name} {size}", make_generator(name, channels, hidden)
    yield "wide U-Net", WideUNet()


def costs(n_hops: int = 300, n_repeats: int = 3, seed: int = 0) -> pd.DataFrame:
    """The cost of each of `candidates` on one thread.

    Args:
        n_hops: hops of 10 ms that ONNX Runtime gets.
        n_repeats: the fastest of so many offline and training passes counts.
        seed: of the inputs.

    Returns: a row for each, with the columns name, parameters, gmac_per_s (for a second of audio,
        counted by PyTorch; FFTs count as zero), rtf (offline, PyTorch), onnx_ms and onnx_p99_ms (a
        hop in ONNX Runtime, median and 99th percentile), eager_ms (a hop in PyTorch), onnx_error
        (the largest difference of the two over 30 hops), train_audio_per_s (seconds of audio,
        forward and backward, in a second).
    """
    rows = []
    with one_thread():
        for name, network in progress(list(candidates()), "generators"):
            torch.manual_seed(seed)
            # As it runs: weight norms folded, eval mode, on the CPU.
            single = folded_copy(network)
            # [hops, B, C, T], B = 1 and T a hop
            hops = 0.1 * torch.randn(n_hops, 1, network.n_inputs, HOP_LENGTH)
            onnx_ms, onnx_error = _in_onnx_runtime(single, export_hop(network), hops)
            rows.append(
                {
                    "name": name,
                    "parameters": sum(weight.numel() for weight in single.parameters()),
                    "gmac_per_s": _gmac_per_s(single),
                    "rtf": _real_time_factor(single, hops[:N_OFFLINE_HOPS], n_repeats),
                    "onnx_ms": np.median(onnx_ms),
                    "onnx_p99_ms": np.quantile(onnx_ms, 0.99),
                    "eager_ms": np.median(_in_pytorch(single, hops[:N_EAGER_HOPS])),
                    "onnx_error": onnx_error,
                    "train_audio_per_s": _train_audio_per_s(network, n_repeats),
                }
            )
    return pd.DataFrame(rows)


def on_cuda() -> pd.DataFrame:
    """Training on a CUDA device, in single precision and bf16, with batches of segments of 1 s.

    Returns: columns name, dtype, train_audio_per_s, peak_mb; no rows without a CUDA device.
    """
    columns = ["name", "dtype", "train_audio_per_s", "peak_mb"]
    if not torch.cuda.is_available():
        return pd.DataFrame(columns=columns)
    rows = []
    for name, network in progress(list(candidates()), "on CUDA"):
        network.cuda()
        for dtype in (torch.float32, torch.bfloat16):
            network.zero_grad()
            torch.cuda.reset_peak_memory_stats()
            # [B, C, T], T a second
            inputs = 0.1 * torch.randn(
                CUDA_BATCH_SIZE, network.n_inputs, SAMPLE_RATE, device="cuda"
            )
            with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
                # The first step chooses kernels and takes memory.
                _train(network, inputs)  # warms up
                torch.cuda.synchronize()
                began = time.perf_counter()
                for _ in range(N_CUDA_STEPS):
                    _train(network, inputs)
                torch.cuda.synchronize()
            speed = N_CUDA_STEPS * CUDA_BATCH_SIZE / (time.perf_counter() - began)
            peak_mb = torch.cuda.max_memory_allocated() / 2**20
            rows.append([name, str(dtype), speed, peak_mb])
        network.cpu()
    return pd.DataFrame(rows, columns=columns)


@torch.no_grad()
def _gmac_per_s(single: nn.Module) -> float:
    # Each hop costs the same, and counting is slow: a tenth of a second stands for all.
    with FlopCounterMode(display=False) as counter:
        single(torch.zeros(1, single.n_inputs, SAMPLE_RATE // 10))
    # PyTorch counts a multiplication and an addition as two.
    return 10 * counter.get_total_flops() / 2e9


@torch.no_grad()
def _real_time_factor(single: nn.Module, hops: Tensor, n_repeats: int) -> float:
    """Processing time over audio time of a whole signal in PyTorch."""
    signal = hops.transpose(0, 2).flatten(2).transpose(0, 1).contiguous()  # [1, C, T]
    seconds = min(seconds_of(single, signal) for _ in range(n_repeats))
    return seconds * SAMPLE_RATE / signal.shape[2]


def _in_onnx_runtime(single: nn.Module, model: bytes, hops: Tensor) -> tuple[list[float], float]:
    """Milliseconds of each hop, and the largest difference to PyTorch over the first hops."""
    session = open_session(model)  # one thread, as a stream beside other work has it
    expected_state = single.start(1)
    state = [part.numpy() for part in expected_state]
    times, error = [], 0.0
    for k, hop in enumerate(hops):
        inputs = {"inputs": hop.numpy()} | {f"state_{i}": part for i, part in enumerate(state)}
        began = time.perf_counter()
        restored, *state = session.run(None, inputs)
        times.append(1000 * (time.perf_counter() - began))
        if k < N_COMPARED_HOPS:
            with torch.no_grad():
                expected, expected_state = single(hop, expected_state)
            error = max(error, float(np.abs(expected.numpy() - restored).max()))
    return times[N_WARMUP_HOPS:], error


@torch.no_grad()
def _in_pytorch(single: nn.Module, hops: Tensor) -> list[float]:
    """Milliseconds of each hop."""
    state, times = single.start(1), []
    for hop in hops:
        began = time.perf_counter()
        _, state = single(hop, state)
        times.append(1000 * (time.perf_counter() - began))
    return times[N_WARMUP_HOPS:]


def _train_audio_per_s(network: nn.Module, n_repeats: int) -> float:
    """Seconds of audio forward and backward in a second: the fastest step with half a second."""
    inputs = 0.1 * torch.randn(1, network.n_inputs, SAMPLE_RATE // 2)
    return 0.5 / min(seconds_of(_train, network, inputs) for _ in range(n_repeats))


def _train(network: nn.Module, inputs: Tensor) -> None:
    restore_aligned(network, inputs).float().square().mean().backward()
