"""What a generator costs, beside the network that it replaces: for the notebook `bench`. One thread, one run."""

import time
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import onnxruntime
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from lib import deepfilter, hearing, losses, spectral, waveform
from lib.bench import seconds_of
from lib.causal import CausalConv1d, CausalTransposed1d, State
from lib.deepfilter import HOP_LENGTH, SAMPLE_RATE, one_thread
from lib.generator import export, folded, make, restore
from lib.progress import progress
from lib.step import Learner

PARTS = (
    "DeepFilterNet3", "generator", "losses", "discriminators, for the generator", "backward",
    "discriminators, for themselves", "norms, optimisers, average",
)  # fmt: skip


class WideUNet(nn.Module):
    """The network that the audit found: 64-128-256-512 channels, kernels of 7, three strides of 2, residual blocks, a GRU of two
    layers of 512 at 6 kHz. Written from that description with causal layers, to have something to compare with."""

    hop_length, delay, n_inputs, arguments = HOP_LENGTH, 0, 1, ()

    def __init__(self):
        super().__init__()
        widths = [64, 128, 256, 512]
        steps = list(pairwise(widths))
        self.first, self.last = CausalConv1d(1, 64, 7), CausalConv1d(64, 1, 7)
        self.down = nn.ModuleList([CausalConv1d(i, o, 7, 2) for i, o in steps])
        self.up = nn.ModuleList([CausalTransposed1d(o, i, 7, 2) for i, o in reversed(steps)])
        self.blocks = nn.ModuleList([CausalConv1d(width, width, 7) for width in [*widths[1:], *widths[-2::-1]]])
        self.gru = nn.GRU(512, 512, 2, batch_first=True)

    def forward(self, inputs: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """As the generators: `[B, 1, T]` -> `[B, 1, T]`, state."""
        old, new = iter(state or self.start(len(inputs))), []

        def step(layer: nn.Module, x: Tensor) -> Tensor:
            y, after = layer(x, next(old))
            new.append(after)
            return y

        blocks, x, skips = iter(self.blocks), F.silu(step(self.first, inputs)), []
        for layer in self.down:
            skips.append(x)
            x = F.silu(step(layer, x))
            x = x + F.silu(step(next(blocks), x))
        deep, hidden = self.gru(x.transpose(1, 2), next(old).transpose(0, 1).contiguous())
        new.append(hidden.transpose(0, 1))
        x = x + deep.transpose(1, 2)
        for layer in self.up:
            x = F.silu(step(layer, x)) + skips.pop()
            x = x + F.silu(step(next(blocks), x))
        return inputs + step(self.last, x), new

    def start(self, batch_size: int) -> State:
        """Zeros for every layer, in the order of their use."""
        zeros, blocks, state = self.gru.bias_hh_l0.new_zeros, iter(self.blocks), [(1, self.first.context)]
        for layer in self.down:
            block = next(blocks)
            state += [(layer.conv.in_channels, layer.context), (block.conv.in_channels, block.context)]
        state.append((2, 512))
        for layer in self.up:
            block = next(blocks)
            state += [(layer.conv.out_channels, layer.trim), (block.conv.in_channels, block.context)]
        return [zeros(batch_size, *shape) for shape in [*state, (64, self.last.context)]]


def candidates() -> Iterator[tuple[str, nn.Module]]:
    """Name and network of every size of both generators, and of the one to compare with."""
    for name, sizes in (("spectral", spectral.SIZES), ("waveform", waveform.SIZES)):
        for size, (channels, hidden) in sizes.items():
            yield f"{name} {size}", make(name, channels, hidden)
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
            single = folded(network)
            hops = 0.1 * torch.randn(n_hops, 1, network.n_inputs, HOP_LENGTH)
            whole = hops[:100].transpose(0, 2).flatten(2).transpose(0, 1).contiguous()
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                single(torch.zeros(1, network.n_inputs, SAMPLE_RATE))
            with torch.no_grad():
                offline_s = min(seconds_of(single, whole) for _ in range(n_repeats))
            onnx_ms, error = _in_onnx_runtime(single, export(network), hops)
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
    for name, network in progress(list(candidates()), "on CUDA") if torch.cuda.is_available() else ():
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
            rows.append({"name": name, "dtype": str(dtype), "train_audio_per_s": speed, "peak_mb": peak_mb})
        network.cpu()
    return pd.DataFrame(rows, columns=["name", "dtype", "train_audio_per_s", "peak_mb"])


def step_parts(p, layout: torch.memory_format = torch.channels_last, n_steps: int = 3) -> dict[str, float]:
    """Where a training step with the GAN spends its time on one thread: ms for a second of audio, by part (torch.profiler).

    Args:
        p: params.Train, with `on_the_fly`.
        layout: of the generator's weights.
    """
    generator = torch.Generator().manual_seed(p.seed)
    signals = 0.1 * torch.randn(
        2, p.batch_size, 1, hearing.LEAD + p.segment_length + deepfilter.DELAY, generator=generator
    )
    meta = {"clean_path": "", "noisy_len": signals.shape[-1], "bandwidth_hz": SAMPLE_RATE / 2}
    batch = (*signals, None, [meta] * p.batch_size)
    learner = Learner(p, n_steps, "cpu")
    learner.generator.to(memory_format=layout)
    with one_thread():
        learner.step([hearing.on_device(p, batch, "cpu")], ramp=1.0)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            for _ in range(n_steps):
                learner.step([hearing.on_device(p, batch, "cpu")], ramp=1.0)
    seconds = n_steps * p.batch_size * p.segment_length / SAMPLE_RATE
    found = {event.key: event.cpu_time_total / 1000 / seconds for event in profile.key_averages()}
    return {name: found[name] for name in PARTS}


def stft_losses(n_repeats: int = 10) -> pd.DataFrame:
    """Our multi-resolution STFT loss beside auraloss' at the same resolutions: columns name, ms (forward and backward of four
    seconds, median), times (of ours). Empty if auraloss is not installed (extra `dev`)."""
    try:
        from auraloss.freq import MultiResolutionSTFTLoss
    except ImportError:
        return pd.DataFrame(columns=["name", "ms", "times"])
    theirs = MultiResolutionSTFTLoss(list(losses.N_FFTS), [n // 4 for n in losses.N_FFTS], list(losses.N_FFTS))
    ours, clean = losses.MultiResolutionSTFT(), 0.1 * torch.randn(4, 1, SAMPLE_RATE)
    n_samples, bandwidth_hz = torch.tensor([SAMPLE_RATE] * 4), torch.tensor([SAMPLE_RATE / 2] * 4)
    ways = {
        "losses.MultiResolutionSTFT": lambda restored: ours(restored, clean, n_samples, bandwidth_hz),
        "auraloss": lambda restored: theirs(restored, clean),
    }
    measured = []
    with one_thread():
        for _ in progress(range(n_repeats + 1), "STFT losses"):
            restored = (0.1 * torch.randn_like(clean)).requires_grad_()
            measured.append([1000 * seconds_of(_there_and_back, way, restored) for way in ways.values()])
    ms = np.median(measured[1:], axis=0)
    return pd.DataFrame({"name": list(ways), "ms": ms, "times": ms / ms[0]})


def _in_onnx_runtime(single: nn.Module, model: bytes, hops: Tensor) -> tuple[list[float], float]:
    """Milliseconds of each hop, and the largest difference to PyTorch over the first 30."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    state, expected, took, error = [part.numpy() for part in single.start(1)], single.start(1), [], 0.0
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
    restore(network, inputs).float().square().mean().backward()


def _there_and_back(loss, restored: Tensor) -> None:
    loss(restored).backward()
