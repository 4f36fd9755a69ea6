"""The same work in this process, in two, on a Dask cluster, and after kills: the same bytes."""

import os
import signal
import subprocess
import sys
import threading
import time

import distributed
import psutil
import pytest
from signals import good_sources

from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import manifest, plan, sources
from lib.corpus.render import render
from lib.runtime import parallel

RENDER = """
import sys
import threading
from lib.config.base import build
from lib.config.prepare import Prepare
from lib.corpus import plan, sources
from lib.corpus.render import render

root, corpus, n_processes = sys.argv[1:]
p = build(Prepare, {"corpus": corpus, "items_per_utterance": 4, "n_processes": int(n_processes)})
folders = sources.choose(f"{root}/speech", f"{root}/noise", f"{root}/rooms")
render(corpus, plan.draw(p, folders), folders, p.n_processes)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return good_sources(tmp_path_factory.mktemp("sources"))


def contents(corpus):
    folder = manifest.corpus_folder(corpus)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def expected(root):
    subprocess.run(
        [sys.executable, "-c", RENDER, root, "whole", "1"], check=True, capture_output=True
    )
    files = contents("whole")
    assert len(files) > 3 * 30
    return files


def test_killed_twice_and_resumed_it_is_the_same_corpus(root, expected):
    rows = manifest.corpus_folder("killed") / "rows"
    for n_done, n_processes in ((1, "1"), (2, "2")):
        process = subprocess.Popen(
            [sys.executable, "-c", RENDER, root, "killed", n_processes],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while len(list(rows.glob("*.csv"))) < n_done:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert not (manifest.corpus_folder("killed") / "manifest.csv").exists()
    (manifest.corpus_folder("killed") / "clean" / ".half.flac.1.part").write_bytes(
        b"what a killed process leaves"
    )
    subprocess.run(
        [sys.executable, "-c", RENDER, root, "killed", "2"], check=True, capture_output=True
    )
    assert contents("killed") == expected


def test_workers_end_with_a_process_that_was_killed_alone(root):
    rows = manifest.corpus_folder("orphaned") / "rows"
    process = subprocess.Popen(
        [sys.executable, "-c", RENDER, root, "orphaned", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list(rows.glob("*.csv")):
        assert process.poll() is None
        time.sleep(0.01)
    workers = [
        child
        for child in psutil.Process(process.pid).children()
        if "loky" in " ".join(child.cmdline())
    ]
    process.kill()
    process.wait()
    assert len(workers) >= 2 and not psutil.wait_procs(workers, timeout=10)[1]


def kill_a_worker(cluster):
    """Kill one of the cluster's processes once the first batch of pairs is written."""
    with distributed.Client(cluster, set_as_default=False) as client:
        pids = list(client.run(os.getpid).values())
    while not list((manifest.corpus_folder("dask") / "rows").glob("*.csv")):
        time.sleep(0.01)
    os.kill(pids[0], signal.SIGKILL)


def test_a_dask_cluster_that_loses_a_worker_makes_the_same_corpus(root, expected):
    p = build(Prepare, {"items_per_utterance": 4, "n_processes": 1})
    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    drawn = plan.draw(p, folders)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        killer = threading.Thread(target=kill_a_worker, args=(cluster,), daemon=True)
        killer.start()
        render("dask", drawn, folders, dask_address=cluster.scheduler_address)
        killer.join()
        with pytest.raises(ZeroDivisionError):
            list(parallel.each(divmod, [(1, 0)], "nothing", dask_address=cluster.scheduler_address))
    assert contents("dask") == expected


def test_a_dask_cluster_that_cannot_be_used_is_refused():
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, dashboard_address=None, processes=False
    ) as cluster:
        with pytest.raises(ValueError, match="has 2 threads: start it with --nthreads 1"):
            list(parallel.each(divmod, [(1, 1)], "nothing", dask_address=cluster.scheduler_address))
    with pytest.raises(
        ConnectionError, match=r"dask_address = 'tcp://127.0.0.1:9': no scheduler answers"
    ):
        list(parallel.each(divmod, [(1, 1)], "nothing", dask_address="tcp://127.0.0.1:9"))


def test_two_preparations_of_one_corpus_do_not_work_at_once(root):
    from filelock import FileLock

    folders = sources.choose(root / "speech", root / "noise", root / "rooms")
    drawn = plan.draw(build(Prepare, {"n_processes": 1}), folders)
    manifest.corpus_folder("busy").mkdir(parents=True)
    with (
        FileLock(manifest.corpus_folder("busy") / ".lock"),
        pytest.raises(ValueError, match="another preparation of this corpus"),
    ):
        render("busy", drawn, folders)


@pytest.mark.parametrize("n_processes", [1, 2])
def test_an_error_in_a_job_reaches_the_caller_as_it_is(n_processes):
    with pytest.raises(ZeroDivisionError):
        list(parallel.each(divmod, [(4, 2), (1, 0)], "division", n_processes))
    assert list(parallel.each(divmod, [(7, 2), (9, 4)], "division", n_processes)) == [
        (3, 1),
        (2, 1),
    ]
