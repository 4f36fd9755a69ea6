"""The command `python -m lib.restore`: files, folders, streams; its messages and its status."""

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from signals import RATE, voiced, write

from lib import REPO, RUNS, restore
from lib.inference import light_models
from lib.inference.restorer import Restorer
from lib.restore import main


def command(*words, **options):
    """Type `python -m lib.restore ...` and return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "lib.restore", *map(str, words)],
        cwd=REPO,
        capture_output=True,
        **options,
    )


def test_a_folder_is_restored_and_the_status_tells_that_one_file_failed(tmp_path):
    write(tmp_path / "in" / "a" / "one.wav", voiced(0.5, 0), subtype="PCM_24")
    (tmp_path / "in" / "two.wav").write_text("no audio")
    done = command(tmp_path / "in", tmp_path / "out", text=True)
    assert done.returncode == 1 and "1 of 2 restored" in done.stdout
    assert "not restored:" in done.stdout and "two.wav: not readable as audio" in done.stdout
    assert soundfile.info(tmp_path / "out" / "a" / "one.wav").subtype == "PCM_24"


HEAVY = {"torch", "scipy", "librosa", "pandas", "mlflow", "numba", "onnx"}
WITHOUT = f"""
import runpy, sys
try:
    runpy.run_module("lib.restore", run_name="__main__")
finally:
    heavy = sys.modules.keys() & {HEAVY}
    assert not heavy, heavy
"""


def command_without_heavy_imports(*words, **options):
    """The same as `command`; an error if the process imports PyTorch, pandas, ..."""
    # Made once, with PyTorch.
    light_models.first_stage_model(), light_models.restorer_model()
    line = [sys.executable, "-c", WITHOUT, *map(str, words)]
    done = subprocess.run(line, cwd=REPO, capture_output=True, **options)
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def test_a_folder_is_restored_in_threads_and_without_pytorch_as_by_pytorch(tmp_path):
    signals = [3 * voiced(0.5 + 0.1 * i, i) for i in range(6)]
    for i, samples in enumerate(signals):
        write(tmp_path / "in" / f"{i}.wav", samples, subtype="FLOAT")
    done = command_without_heavy_imports(tmp_path / "in", tmp_path / "out", text=True)
    assert "6 of 6 restored" in done.stdout
    for i, expected in enumerate(Restorer.load().restore_batch(signals)):
        restored, _ = soundfile.read(tmp_path / "out" / f"{i}.wav", dtype="float32")
        assert np.abs(restored - expected).max() < 1e-5


def test_a_stream_runs_without_pytorch_as_by_pytorch():
    samples, restorer = 3 * voiced(0.5, 0), Restorer.load()
    words = ("--stream", "--encoding", "f32")
    done = command_without_heavy_imports(*words, input=samples.tobytes())
    restored = np.frombuffer(done.stdout, "<f4")[restorer.stream().delay :]
    assert np.abs(restored - restorer(samples, RATE)).max() < 1e-5


@pytest.mark.parametrize(
    "run, device, has_driver, expected",
    [
        ("shipped", "auto", False, True),
        ("shipped", "auto", True, False),
        ("shipped", "cpu", True, True),
        ("shipped", "cuda", False, False),
        ("latest", "cpu", False, False),
    ],
)
def test_pytorch_is_for_cuda_and_for_training_runs(monkeypatch, run, device, has_driver, expected):
    monkeypatch.setattr(restore, "CUDA_DRIVERS", (REPO / ("lib" if has_driver else "none"),))
    assert restore.is_light(SimpleNamespace(run=run, device=device)) == expected


def test_the_notebook_restores_a_single_file_into_its_folder(tmp_path):
    """The folder was taken for the file: a target without a suffix."""
    source = write(tmp_path / (250 * "n" + ".wav"), voiced(0.5, 0))
    words = ["notebooks/restore.ipynb", tmp_path / "out.ipynb", "-p", "source", source]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *map(str, words), "-p", "target", "single"],
        cwd=REPO,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [path.name for path in (RUNS / "restored" / "single").iterdir()] == [source.name]


@pytest.mark.parametrize(
    "words, status, message",
    [
        (["one.wav", "one.flac"], 0, "1 of 1 restored"),
        (["none.wav", "x.wav"], "none.wav: no such file or folder", ""),
        (["one.wav"], 2, "expected either a source and a target"),
        (["one.wav", "x.wav", "--mix", "2"], 2, "--mix 2.0: expected 0 to 1"),
        (["one.wav", "x.wav", "--noisy", "one.wav"], 2, "noisy goes with already-enhanced"),
        (["--stream", "--channels", "0"], 2, "--channels 0: expected at least 1"),
        (["--export", "one.wav"], 2, "one.wav: exists; --overwrite replaces it"),
        (["--export", ".", "--overwrite"], 2, ".: is a folder, expected a file"),
        # Words that would have no effect.
        (["one.wav", "--stream"], 2, "expected either a source and a target"),
        (["one.wav", "--export", "x.onnx"], 2, "expected either a source and a target"),
        (["one.wav", "x.wav", "--channels", "2"], 2, "--channels goes with --stream"),
        (["one.wav", "x.wav", "--stage", "chain"], 2, "--stage goes with --export"),
        (["one.wav", "x.wav", "--half"], 2, "--half goes with --export of the whole chain"),
        (["--export", "x.onnx", "--mix", "0.5"], 2, "--mix goes with recordings and --stream"),
        (["--export", "x.onnx", "--already-enhanced"], 2, "see --stage restorer"),
        (["--export", "x.wav", "--half", "--stage", "restorer"], 2, "of the whole chain"),
        (["one.wav", "x.wav", "--encoding", "f32"], 2, "--encoding goes with --stream"),
        (["one.wav", "x.wav", "--run", "0123"], "0123: no such run", ""),
    ],
)
def test_the_status_tells_how_it_went(tmp_path, monkeypatch, capsys, words, status, message):
    write(tmp_path / "one.wav", voiced(0.5, 0))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["restore", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert str(ended.value).startswith(str(status)) or ended.value.code == status
    assert message in "".join(capsys.readouterr())
    assert not (tmp_path / "x.wav").exists()


def test_raw_samples_of_two_channels_stream_through_the_command():
    samples = np.rint(3 * voiced(1.0, 0)[:, None] * [2**15, 2**14]).astype("<i2")
    done = command("--stream", "--channels", 2, input=samples.tobytes() + b"odd")
    assert done.returncode == 0 and b"50.0 ms late" in done.stderr
    assert b"the last 3 bytes are left out" in done.stderr
    restorer = Restorer.load()
    delay = restorer.stream().delay
    streamed = np.frombuffer(done.stdout, "<i2").reshape(-1, 2) / 2**15
    assert len(streamed) == len(samples) + delay
    assert np.abs(streamed[delay:] - restorer(samples / 2**15, RATE)).max() < 1e-4 + 2**-15


def test_remarks_do_not_get_into_the_samples(tmp_path):
    """With standard error closed, what is printed there would go to standard output."""
    samples = np.zeros(480, "<i2").tobytes()
    line = f"exec {sys.executable} -m lib.restore --stream 2>&-"
    done = subprocess.run(["sh", "-c", line], cwd=REPO, capture_output=True, input=samples)
    assert done.returncode == 0 and len(done.stdout) == 2 * (480 + Restorer.load().stream().delay)


def test_a_name_that_the_terminal_cannot_write_costs_no_report(tmp_path):
    write(tmp_path / "in" / "Müller.wav", voiced(0.1, 0))
    (tmp_path / "in" / "žluť.wav").write_text("no audio")
    latin = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = command(tmp_path / "in", tmp_path / "out", env=latin)
    assert done.returncode == 1
    assert "\\u017elu\\u0165.wav: not readable as audio" in done.stdout.decode("latin-1")
    assert "1 of 2 restored" in done.stdout.decode("latin-1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_leaves_no_hidden_file_and_a_report(tmp_path, number):
    write(tmp_path / "in" / "long.wav", np.tile(voiced(10.0, 0), 60))
    process = subprocess.Popen(
        [sys.executable, "-m", "lib.restore", tmp_path / "in", tmp_path / "out"],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A parent that was started by nohup ignores one of them.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    while not list(tmp_path.glob("out/.*.part")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    output, errors = process.communicate()
    assert process.returncode == 130 and "0 of 0 restored" in output
    assert "stopped: 1 are left" in errors and "Traceback" not in errors
    assert list((tmp_path / "out").iterdir()) == []
