"""One thread, how threads wait, and which device."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info

from lib import REPO
from lib.runtime.threads import choose_device, choose_precision, one_thread


def n_threads():
    return {torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())}


def test_torch_and_blas_have_one_thread_within_and_their_own_number_after():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert n_threads() == {1}
        assert torch.get_num_threads() == 3
        with pytest.raises(ZeroDivisionError), one_thread():
            _ = 1 / 0
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform != "linux", reason="OpenMP of GNU is Linux's")
@pytest.mark.parametrize("policy, spins", [(None, True), ("active", False)])
def test_threads_soon_sleep_while_they_wait_unless_a_user_has_it_otherwise(policy, spins):
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    env = {name: value for name, value in os.environ.items() if name not in names}
    env |= {"OMP_DISPLAY_ENV": "verbose"} | ({"OMP_WAIT_POLICY": policy} if policy else {})
    # OpenMP tells its settings when PyTorch loads it.
    words = [sys.executable, "-c", "import lib.runtime.threads"]
    done = subprocess.run(words, cwd=REPO, env=env, capture_output=True, text=True, check=True)
    assert "GOMP_SPINCOUNT = " in done.stderr
    assert ("GOMP_SPINCOUNT = '1000'" in done.stderr) == spins


def test_auto_takes_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (choose_device("auto"), choose_device("cuda"), choose_device("cpu")) == (
        "cuda",
        "cuda",
        "cpu",
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(ValueError, match="device cuda: torch finds no CUDA device here"):
        choose_device("cuda")


def test_each_process_gets_a_device_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device("auto") == "cuda:1"
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="in 3 processes: expected at most 2"):
        choose_device("cuda")


def test_auto_takes_bf16_on_a_cpu_that_says_it_multiplies_in_it():
    flags = Path("/proc/cpuinfo").read_text().split()
    has_bf16 = bool({"avx512_bf16", "amx_bf16"} & set(flags))
    assert choose_precision("auto", "cpu") == ("bf16" if has_bf16 else "fp32")
    assert [choose_precision(name, "cpu") for name in ("fp32", "fp16")] == ["fp32", "fp16"]
