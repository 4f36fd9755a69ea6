"""A script has no kernel; the terminal of a kernel is the one that started it."""

import io
import sys

from lib.runtime import kernel


def test_a_script_has_no_kernel_and_types_on_its_own_standard_error():
    assert kernel.kernel() is None and kernel.cell_number() == 0
    assert kernel.terminal() is sys.stderr


def test_a_kernel_types_where_it_was_started_and_jupyterlab_does_not(monkeypatch, tmp_path):
    class Shell:
        execution_count = 7

    with (tmp_path / "log").open("w") as log:
        stderr = io.StringIO()
        stderr._original_stdstream_copy = log.fileno()
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setattr(kernel, "kernel", Shell)
        print("half-way", file=kernel.terminal(), flush=True)
        assert kernel.cell_number() == 7
        monkeypatch.setenv("JPY_SESSION_NAME", "page.ipynb")
        assert kernel.terminal() is None
    kernel._text_file.cache_clear()
    assert (tmp_path / "log").read_text() == "half-way\n"
