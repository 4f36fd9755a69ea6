"""Threads and devices: one thread where results must not depend on their number."""

import os
from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def one_thread():
    """One thread for torch's own work: its results may depend on their number in the last bit."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def choose_device(name: str) -> str:
    """`auto`: CUDA when there is one. Raises `ValueError` if CUDA is asked for and missing."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "device = 'cuda', but torch finds no CUDA device here: use device = 'auto' or 'cpu'"
        )
    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    if not dist.is_initialized():
        return "cuda"
    n_here, n_devices = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if n_here > n_devices:
        raise ValueError(
            f"device = {name!r} in {n_here} processes: expected at most {n_devices}, one for each CUDA device"
        )
    return f"cuda:{os.environ['LOCAL_RANK']}"
