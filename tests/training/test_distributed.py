"""The process group: from torchrun's variables, or none."""

import socket

import pytest
import torch
import torch.distributed as dist

from lib.training.distributed import distributed, mean_over_processes, ranks


@pytest.fixture
def torchrun_variables(monkeypatch):
    """Those of a group with one process, as torchrun sets them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    values = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
    for name, value in (values | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}).items():
        monkeypatch.setenv(name, str(value))
    n_threads = torch.get_num_threads()
    yield
    torch.set_num_threads(n_threads)


def test_without_the_variables_of_torchrun_there_is_no_group(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with distributed():
        assert not dist.is_initialized() and ranks() == (0, 1)


def test_the_group_lasts_as_long_as_the_block(torchrun_variables):
    with distributed():
        assert dist.is_initialized() and ranks() == (0, 1)
        means = mean_over_processes({"l1": torch.tensor(0.25)}, {"generator": torch.tensor(3.0)})
        assert means == [{"l1": 0.25}, {"generator": 3.0}]
    assert not dist.is_initialized()


def test_numbers_keep_their_names_and_order():
    values = {name: torch.tensor(float(i)) for i, name in enumerate("cab")}
    assert mean_over_processes(values, {}) == [{"c": 0.0, "a": 1.0, "b": 2.0}, {}]
