"""Every notebook, executed by papermill at tiny size, as its users type it; what MLflow gets."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from papermill.cli import papermill as command_line
from signals import RATE, good_sources, odd_and_bad_speech

from lib import REPO, RUNS
from lib.audio import files
from lib.corpus.manifest import corpus_folder, read, usable_rows
from lib.evaluation import baselines, blind_test, vetoes
from lib.metrics import registry
from lib.tracking import store

# How small each notebook is executed, in this order.
TINY = {
    "prepare": ["-p", "items_per_utterance", "1", "-p", "n_processes", "1"],
    "inspect": ["-p", "n_examples", "1"],
    "check": ["-p", "n_examples", "1"],
    "train": (
        "-p epochs 2 -p gan_start_epoch 2 -p channels 6 -p segment_length 9600"
        " -p n_samples_logged 1 -p grad_norm_threshold 1e-3"
    ).split(),
    "listen": (
        "-p run [latest,shipped] -p n_players 1 -p n_extremes 1 -p n_clean 1 -p n_baselines 2"
        " -p n_bootstrap 200"
    ).split(),
    "blind": "-p n_blind 1".split(),
    "restore": "-p n_players 2 -p export true".split(),
    "workers": (
        "-p n_workers [0,1] -p n_steps 2 -p n_warmup_steps 1 -p n_repeats 1 -p channels 6"
        " -p segment_length 9600 -p batch_size 4"
    ).split(),
    "compare": "-p n_items 2 -p n_players 1 -p n_bootstrap 200 -p n_processes 1".split(),
    "bench": (
        "-p n_files 2 -p snr_db [5] -p batch_sizes [1,2] -p n_repeats 1 -p n_hops 20"
        " -p minutes [0.05,0.1] -p n_lag_pairs 5 -p segment_length 24000"
    ).split(),
}


def papermill(*words, cwd=REPO):
    """Type `papermill ...` in the active environment, and return the finished process."""
    command = [sys.executable, "-m", "papermill", *map(str, words)]
    return subprocess.run(
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        env=os.environ | {"RETIMBRE_RUNS": str(RUNS)},
    )


def newest(experiment, place=0):
    return store.newest_first(experiment)[place]


def artifacts(run, path=None):
    return {item.path for item in store.client().list_artifacts(run.info.run_id, path)}


def found_each_time():
    """The answers of a listener who has found X in eight trials of eight."""
    about = {
        "kind": "abx",
        "seed": 1,
        "items": ["one"],
        "systems": ["enhanced", "restored"],
        "n_repeats": 8,
    }
    order = blind_test.abx_order(
        about["items"], about["systems"], about["n_repeats"], about["seed"]
    )
    return about | {"answers": ["a" if trial["x"] == trial["a"] else "b" for trial in order]}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = good_sources(tmp_path_factory.mktemp("sources"))
    odd_and_bad_speech(root / "speech")
    return root


@pytest.fixture(scope="module")
def chain(sources, tmp_path_factory):
    """All notebooks, executed once in the order of `TINY`: the finished processes by notebook.

    Before the training there is another one, as documented: in the notebooks' folder, with a
    variant file and parameters, and resumed afterwards. So `compare` has two runs.
    """
    out = tmp_path_factory.mktemp("executed")
    (out / "answers.json").write_text(json.dumps(found_each_time()))
    folders = [
        word for kind in ("speech", "noise") for word in ("-p", f"{kind}_dir", sources / kind)
    ]
    more = {
        "prepare": [*folders, "-p", "rir_dir", sources / "rooms"],
        "blind": ["-p", "answers", f"[{out / 'answers.json'}]"],
        "compare": ["-p", "condition", "params.corpus = 'demo'"],
        "bench": [
            "-p",
            "speech_dir",
            sources / "speech" / "speaker0",
            "-p",
            "noise_dir",
            sources / "noise",
        ],
    }
    done = {}
    for name, words in TINY.items():
        if name == "train":
            variant = ["-f", "../params/train/enhanced_only.yaml", *words, "-p", "epochs", "0"]
            variant += ["-p", "register_model", "false"]  # it takes seconds
            # An out.ipynb of the user may be there.
            inside = REPO / "notebooks" / f"out_{os.getpid()}.ipynb"
            try:
                done["variant"] = papermill("train.ipynb", inside.name, *variant, cwd=inside.parent)
                status = ["git", "status", "--short", "notebooks"]
                done["status"] = subprocess.run(status, cwd=REPO, capture_output=True, text=True)
            finally:
                inside.unlink(missing_ok=True)
            assert done["variant"].returncode == 0, done["variant"].stderr[-3000:]
            resume = ["-p", "resume", "latest", "-p", "epochs", "1"]
            done["resumed"] = papermill("notebooks/train.ipynb", out / "resumed.ipynb", *resume)
            assert done["resumed"].returncode == 0, done["resumed"].stderr[-3000:]
        done[name] = papermill(
            f"notebooks/{name}.ipynb", out / f"{name}.ipynb", *words, *more.get(name, [])
        )
        assert done[name].returncode == 0, done[name].stderr[-3000:]
    return done


@pytest.mark.parametrize("name", TINY)
def test_a_notebook_leaves_a_finished_run_with_its_figures_parameters_and_itself(chain, name):
    run = newest(name)
    assert run.info.status == "FINISHED"
    declared = set(json.loads(store.download(run.info.run_id, "parameters.json").read_text()))
    assert set(run.data.params) == declared
    assert {f"notebook/{name}.ipynb", f"notebook/{name}.html"} <= artifacts(run, "notebook")
    assert len(artifacts(run, "figures")) >= (0 if name == "blind" else 2)
    expected = {"host", "pid", "git_dirty", "notebook"}
    expected |= {"manifest_sha256"} if name not in ("inspect", "bench", "restore") else set()
    assert expected <= set(run.data.tags)


def test_progress_reaches_the_terminal(chain):
    assert "DeepFilterNet3" in chain["prepare"].stderr and "epoch 2/2" in chain["train"].stderr
    assert "discriminators: join in epoch 2 of 2" in chain["train"].stderr
    assert chain["train"].stderr.count(", selection ") == 2  # a line for each epoch


def test_skipped_files_are_counted_and_named_in_the_run(chain):
    run = newest("prepare")
    assert run.data.metrics["files/skipped"] == 7 and run.data.metrics["pairs/refused"] == 0
    skipped = pd.read_csv(store.download(run.info.run_id, "tables/skipped.csv"))
    assert skipped.path.str.endswith("text.wav").any() and skipped.reason.notna().all()


def test_training_is_recorded_by_epoch(chain):
    run = newest("train")
    history = store.client().get_metric_history(run.info.run_id, "valid/distillmos")
    assert [value.step for value in history] == [0, 1, 2]
    adversarial = store.client().get_metric_history(run.info.run_id, "train/adversarial")
    assert [value.step for value in adversarial] == [2]
    assert artifacts(run, "checkpoints") == {
        f"checkpoints/{name}.pt" for name in ("best", "last", "before_gan")
    }
    assert "grad_spikes.jsonl" in artifacts(run)
    spikes = pd.read_csv(store.download(run.info.run_id, "tables/grad_spikes.csv"))
    assert {"step", "grad_norm", "idx", "id", "clean"} <= set(spikes) and spikes.step.nunique() > 1
    page = store.download(run.info.run_id, "notebook/train.html").read_text()
    assert page.count("<audio ") >= 9  # three spikes of three signals
    assert any(artifacts(run, folder) for folder in artifacts(run, "samples"))


def test_training_registers_its_best_generator_and_the_shipped_weights(chain):
    run = newest("train")
    versions = store.client().search_model_versions("name = 'retimbre'")
    assert [version.run_id or "shipped" for version in versions] == [run.info.run_id, "shipped"]
    latest = store.client().get_model_version_by_alias("retimbre", "latest")
    assert latest.run_id == store.find("latest") == run.info.run_id
    shipped = store.client().get_model_version_by_alias("retimbre", "shipped")
    assert (shipped.run_id or "") == ""
    assert run.outputs.model_outputs[0].step == run.data.metrics["best/epoch"]


def test_listen_judges_that_run_on_its_test_pairs(chain):
    run = newest("listen")
    assert run.data.tags["source_run"] == newest("train").info.run_id
    scores = pd.read_csv(store.download(run.info.run_id, "tables/scores.csv"))
    test = usable_rows(read("demo"), "test")
    assert sorted(scores.item_id.unique()) == sorted(test.id)
    assert set(scores.system) == {"noisy", "enhanced", "restored", "clean", "restored by shipped"}
    text = store.download(run.info.run_id, "scores.txt").read_text()
    assert f"{len(test)} items" in text and "LSD" in text
    # As tables, which scroll in a narrow window, where lines of text are wrapped.
    notebook = store.download(run.info.run_id, "notebook/listen.html").read_text()
    assert notebook.count('<div style="overflow-x: auto"><table class="scores">') >= 3
    page = store.download(run.info.run_id, "listening.html").read_text()
    assert page.count("<audio ") == 5 and "http://" not in page.replace("http://www.w3.org", "")


def test_vetoes_stand_first_and_mark_the_listening_run_and_the_run_that_it_judged(chain):
    listen, train = newest("listen"), newest("train")
    text = store.download(listen.info.run_id, "scores.txt").read_text()
    n_vetoes = int(listen.data.metrics["vetoes"])
    assert text.startswith(f"{n_vetoes or 'no'} veto")
    assert listen.data.tags["vetoes"] == train.data.tags["vetoes"]
    assert train.data.tags["vetoes"].startswith(f"{n_vetoes}: " if n_vetoes else "")
    for run in (listen, train):
        assert "Vetoes on demo, test" in run.data.tags["mlflow.note.content"]
    runs = pd.read_csv(store.download(newest("compare").info.run_id, "tables/runs.csv"))
    assert sorted(runs.vetoes) == sorted([vetoes.shown(train.data.tags), "not judged"])


def test_listen_says_where_it_helps_what_it_harms_and_plays_the_worst_and_the_best(chain):
    run = newest("listen")
    tables = {path.partition("/")[2].removesuffix(".csv") for path in artifacts(run, "tables")}
    assert {
        "by_snr_db",
        "by_speaker",
        "by_noise",
        "missing",
        "worst",
        "best",
        "baselines",
        "colour",
        "jury",
        "runs",
    } <= tables
    simple = pd.read_csv(store.download(run.info.run_id, "tables/baselines.csv"))
    assert set(simple.method) == {"enhanced", *baselines.GRIDS, "ERB gains"}
    assert set(simple.metric) == set(baselines.SCORES) and simple.n_items.max() == 2
    assert {"figures/jury.png", "figures/colour.png"} <= artifacts(run, "figures")
    without = pd.read_csv(store.download(run.info.run_id, "tables/without_speech.csv")).set_index(
        "signal"
    )
    assert {"white noise", "silence"} <= set(without.index) and without.restored_db["silence"] < -60
    clean = pd.read_csv(store.download(run.info.run_id, "tables/clean_speech.csv")).set_index(
        "system"
    )
    assert set(clean.index) == {"DeepFilterNet3", "DeepFilterNet3 and restorer", "restorer alone"}
    page = store.download(run.info.run_id, "extremes.html").read_text()
    assert page.count("<audio ") == 8  # one worst, one best
    summary = pd.read_csv(store.download(run.info.run_id, "tables/summary.csv")).metric
    assert set(summary) == set(registry.ALL)


def test_blind_makes_both_tests_and_reads_their_answers(chain):
    run = newest("blind")
    for name, n_sounds in (("abx", 3), ("rating", 6)):
        page = store.download(run.info.run_id, f"{name}.html").read_text()
        assert page.count("<audio ") == n_sounds and "http://" not in page
    found = pd.read_csv(store.download(run.info.run_id, "tables/abx.csv")).iloc[0]
    assert (found.n_listeners, found.n_trials, found.n_right) == (1, 8, 8)
    assert run.data.metrics["abx/p_value"] == pytest.approx(2**-8)


def test_compare_finds_what_differs_and_scores_the_same_items(chain):
    run = newest("compare")
    differing = pd.read_csv(store.download(run.info.run_id, "tables/differing_parameters.csv"))
    assert sorted(differing.parameter) == ["condition_on_noisy", "epochs", "register_model"]
    scores = pd.read_csv(store.download(run.info.run_id, "tables/scores.csv"))
    assert (
        scores.groupby("system").item_id.nunique().tolist() == 5 * [2]
        and scores.item_id.nunique() == 2
    )
    means = pd.read_csv(store.download(run.info.run_id, "tables/means.csv"))
    assert list(means)[:4] == ["part", "metric", "noisy", "enhanced"] and len(list(means)) == 6
    parts = [len(registry.JURY) * ["jury"], len(registry.CORE) * ["reported"]]
    assert means.part.tolist() == [part for names in parts for part in names]
    differences = pd.read_csv(store.download(run.info.run_id, "tables/differences.csv"))
    assert differences.part.tolist() == means.part.tolist() and len(list(differences)) == 3
    paired = pd.read_csv(store.download(run.info.run_id, "tables/paired.csv"))
    assert set(paired.metric) == {*registry.JURY, *registry.CORE} and (paired.n_items <= 2).all()
    assert (RUNS / "cache").exists()


def test_the_documented_command_works_in_the_notebooks_folder_with_a_variant_file_and_parameters(
    chain,
):
    # cd notebooks
    # papermill train.ipynb out.ipynb -f ../params/train/enhanced_only.yaml -p epochs 0
    run = newest("train", 1)
    assert run.data.params["condition_on_noisy"] == "false" and run.data.params["epochs"] == "0"
    assert run.info.run_name.startswith("enhanced_only, epochs=0")
    assert not chain["status"].stdout.count("out_")


def test_a_resumed_training_goes_on_in_its_own_run_and_logs_no_step_twice(chain):
    run = newest("train", 1)
    assert run.info.status == "FINISHED" and run.data.tags["resumed_epochs"] == "1"
    history = store.client().get_metric_history(run.info.run_id, "valid/lsd_db")
    assert [value.step for value in history] == [0, 1]


@pytest.mark.parametrize("name", TINY)
def test_help_lists_each_parameter_with_type_and_help(name):
    done = CliRunner().invoke(
        command_line, ["--help-notebook", str(REPO / "notebooks" / f"{name}.ipynb")]
    )
    assert done.exit_code == 0
    listed = [line.strip() for line in done.output.splitlines() if "(default" in line]
    assert listed and all(": " in line and "Unknown type" not in line for line in listed)


def test_another_preparation_of_a_corpus_ends_at_once_with_a_failed_run(chain, sources, tmp_path):
    folders = {
        "speech_dir": sources / "speech",
        "noise_dir": sources / "noise",
        "rir_dir": sources / "rooms",
    }
    words = [word for item in folders.items() for word in ("-p", *item)]
    done = papermill("notebooks/prepare.ipynb", tmp_path / "out.ipynb", "-p", "seed", "5", *words)
    message = "was prepared with another"
    assert done.returncode == 1 and message in done.stderr
    run = newest("prepare")
    assert run.info.status == "FAILED"
    assert message in store.download(run.info.run_id, "traceback.txt").read_text()


def test_check_raises_after_its_figures_when_a_pair_is_late(chain, tmp_path):
    shutil.copytree(corpus_folder("demo"), corpus_folder("late"))
    path = corpus_folder("late") / "manifest.csv"
    # Few pairs are quick to measure.
    few = pd.read_csv(path).nlargest(8, "df_lag_confidence")
    few.to_csv(path, index=False)
    row = few.iloc[0]
    signal = files.read(corpus_folder("late") / row.enhanced)
    files.write(
        corpus_folder("late") / row.enhanced, np.concatenate([np.zeros(960), signal[:-960]]), RATE
    )
    done = papermill(
        "notebooks/check.ipynb",
        tmp_path / "check.ipynb",
        "-p",
        "corpus",
        "late",
        "-p",
        "n_examples",
        "0",
    )
    run = newest("check")
    assert done.returncode == 1 and run.info.status == "FAILED"
    assert run.data.tags["verdict"] == "refused" and run.data.metrics["pairs/bad"] == 1
    assert (
        f"{row.id}: enhanced 20.00 ms behind noisy"
        in store.download(run.info.run_id, "verdict.txt").read_text()
    )
    assert {"figures/lag.png", "figures/snr.png", "figures/levels.png"} <= artifacts(run, "figures")
