"""The aliases of the registered model: `models:/retimbre@best` is what `--run best` takes.

`best` follows `lib.tracking.store.find`: each time that it answers, the alias is set to its answer.
So they agree even after a run was deleted. `shipped` names the weights of the repository. `latest`
is MLflow's own word for the newest version, and cannot be set.
"""

import contextlib
from typing import Any

NAME = "retimbre"  # of the registered model
EXPERIMENT = "train"  # whose runs have models


def follow(client: Any, alias: str, run_id: str | None) -> None:
    """Let an alias name the newest version of a run, or nothing if there is no such version.

    Another run's model under this name would be worse than none.

    Args:
        client: an `mlflow.MlflowClient`. A store that has no registry, or cannot be written, stays
            as it is: a run must be found all the same.
    """
    from mlflow.exceptions import MlflowException

    with contextlib.suppress(MlflowException):
        found = versions(client, run_id) if run_id else []
        point(client, alias, found[0] if found else None)


def point(client: Any, alias: str, version: Any | None) -> None:
    """Let an alias name a version, or nothing. Nothing is written if it does so already."""
    named = client.get_registered_model(NAME).aliases.get(alias)
    if version is None:
        if named is not None:
            client.delete_registered_model_alias(NAME, alias)
    elif str(named) != str(version.version):
        client.set_registered_model_alias(NAME, alias, str(version.version))


def versions(client: Any, run_id: str | None) -> list:
    """The versions of a run, or those that come from no run; the newest first."""
    condition = f"name = '{NAME}'" + (f" and run_id = '{run_id}'" if run_id else "")
    found = client.search_model_versions(condition, max_results=1000)
    own = [version for version in found if (version.run_id or None) == run_id]
    return sorted(own, key=lambda version: int(version.version), reverse=True)
