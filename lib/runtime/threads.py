"""Threads and devices: one thread where results must not depend on the number of threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch, BLAS and OpenMP to one thread each.

    The order of a sum depends on the number of threads, and with it the last bit of a result.

    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    # threadpoolctl puts back its own limits, but not what torch was set to.
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(n_threads)


def choose_precision(name: str, device: str) -> str:
    """The precision of networks for the parameter `precision`: fp32, bf16 or fp16.

    "auto" takes bf16 where the device multiplies in it: the spectral generator was 1.9 times faster
    then on a CPU with AVX512-BF16, and 2.6 times slower on one without.

    >>> choose_precision("fp32", "cpu"), choose_precision("bf16", "cpu")
    ('fp32', 'bf16')
    """
    if name != "auto":
        return name
    if torch.device(device).type == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # PyTorch has no public name for it. A version without these has no fast bf16 here.
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        has_bf16 = any(getattr(torch.cpu, name, bool)() for name in names)
    return "bf16" if has_bf16 else "fp32"


def choose_device(name: str) -> str:
    """The torch device for the parameter `device`: "auto" takes CUDA where there is one.

    Each of several training processes gets a CUDA device of its own.

    Raises:
        ValueError: CUDA is asked for and missing, or there are fewer devices than processes.

    >>> choose_device("cpu")
    'cpu'
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda: torch finds no CUDA device here; expected auto or cpu")
    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    # A process on its own takes torch's current device, which has no number in its name.
    if not dist.is_initialized():
        return "cuda"
    # TorchElastic sets LOCAL_WORLD_SIZE and LOCAL_RANK, which count on this machine alone.
    n_processes, n_devices = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if n_processes > n_devices:
        raise ValueError(
            f"device = {name!r} in {n_processes} processes: expected at most {n_devices},"
            " one for each CUDA device"
        )
    return f"cuda:{os.environ['LOCAL_RANK']}"
