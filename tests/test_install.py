"""`make install`: which versions are pinned."""

import subprocess
import sys

from lib import REPO

PINNED = (REPO / ".ci" / "constraints.txt").read_text().splitlines()


def recipe(*words: str) -> str:
    """The commands that `make install` would run."""
    command = ["make", "--dry-run", "--always-make", "install", *words]
    return subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True).stdout


def test_an_installed_torch_stays_and_all_other_versions_are_pinned():
    (pattern,) = [
        line.split("'")[1] for line in recipe("TORCH=installed").splitlines() if "grep -vE" in line
    ]
    command = ["grep", "-vE", pattern, str(REPO / ".ci" / "constraints.txt")]
    kept = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    free = {line.partition("==")[0] for line in set(PINNED) - set(kept)}
    assert {"torch", "torchaudio"} <= free and "torch-pesq" not in free
    assert all(
        name in {"torch", "torchaudio", "triton"} or name.startswith(("nvidia-", "cuda-"))
        for name in free
    )


def test_without_it_every_version_is_pinned():
    assert "cp .ci/constraints.txt" in recipe() and "grep -vE" not in recipe()


def test_a_folder_without_torch_is_refused_with_what_to_do(tmp_path):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    words = ["make", "install", "TORCH=installed", f"VENV={venv}"]
    done = subprocess.run(words, cwd=REPO, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"expected torch and torchaudio in {venv}; install them with" in done.stdout
