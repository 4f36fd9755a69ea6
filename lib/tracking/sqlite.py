"""MLflow's SQLite database: its address, how long it is waited for, the artifacts beside it.

MLflow stores absolute paths of artifacts. They are corrected here when the folder has moved.
"""

import sqlite3
from pathlib import Path
from urllib.parse import unquote

WAIT_S = 120  # for another process that writes; sqlite3 itself gives up after 5 s
ARTIFACTS = "artifacts"  # folder beside the database
# Tables and columns with paths of artifacts, beside those of the experiments.
PLACES = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def address_of(path: Path) -> str:
    """The address of a database, as MLflow reads it: with `%` and `?` of the path escaped.

    >>> address_of(Path("/data/my runs/mlflow.db")), address_of(Path("/data/50%3F/mlflow.db"))
    ('sqlite:////data/my runs/mlflow.db', 'sqlite+pysqlite:////data/50%253F/mlflow.db')
    """
    escaped = str(path).replace("%", "%25").replace("?", "%3F")
    # MLflow would make the folder of an escaped path. By the driver's name it leaves that out.
    return f"sqlite{'' if escaped == str(path) else '+pysqlite'}:///{escaped}"


def path_of(address: str) -> Path | None:
    """The database file of an address; None if that is no SQLite database.

    >>> path_of("sqlite+pysqlite:////data/50%253F/mlflow.db?timeout=9"), path_of("http://localhost")
    (PosixPath('/data/50%3F/mlflow.db'), None)
    """
    scheme, _, rest = address.partition(":///")
    if scheme not in ("sqlite", "sqlite+pysqlite") or rest in ("", ":memory:"):
        return None
    return Path(unquote(rest.partition("?")[0])).resolve()


def patient(address: str) -> str:
    """The address, with `WAIT_S` if it is a SQLite database that has no settings of its own.

    >>> patient("sqlite:////data/mlflow.db"), patient("http://localhost:5000")
    ('sqlite:////data/mlflow.db?timeout=120', 'http://localhost:5000')
    """
    return address if path_of(address) is None or "?" in address else f"{address}?timeout={WAIT_S}"


def artifacts_beside(path: Path) -> str:
    """Where the experiments of a database keep their files, as MLflow writes it."""
    return (path.parent / ARTIFACTS).as_uri()


def follow_move(path: Path) -> None:
    """Point to the artifacts beside the database at `path`, if it and they were moved or copied.

    Experiments with another place, such as those that the MLflow UI creates, keep it.
    """
    place = artifacts_beside(path)
    if not (path.parent / ARTIFACTS).is_dir():
        return
    with sqlite3.connect(path, timeout=WAIT_S) as database:
        stored = database.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        for (former,) in stored:
            if former == place or not (former or "").endswith(f"/{ARTIFACTS}"):
                continue
            for table, column in PLACES:
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
                    f" WHERE substr({column}, 1, ?) = ?",
                    (place, len(former) + 1, len(former) + 1, f"{former}/"),
                )
            database.execute(
                "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?",
                (place, former),
            )
    database.close()
