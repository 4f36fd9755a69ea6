"""The load of the machine during a run: processors, memory, disk, network and GPU over time.

MLflow shows it beside the run's metrics, as `system/cpu_utilization_percentage` and others.
"""

import logging
from functools import cache
from typing import Any

from lib.tracking import store

# Experiments whose runs work for minutes or hours.
WATCHED = ("prepare", "train", "workers")
FIRST = {"train": "best/epoch"}  # metrics that come before the load
_monitors: dict[str, Any] = {}  # by id of the run


def begin(run_id: str, goes_on: bool, after: str = "") -> None:
    """Log the load every ten seconds until `end` is called, the run is closed or the process ends.

    Args:
        goes_on: the run has been logged before: steps count on.
        after: the name of a metric that comes first, since MLflow's page of compared runs begins
            with the first one.
    """
    monitor = _monitor_class()(run_id, resume_logging=goes_on, tracking_uri=store.uri())
    monitor.after = after
    monitor.start()
    _monitors[run_id] = monitor


def end(run_id: str) -> None:
    """Log no more of this run."""
    if run_id in _monitors:
        _monitors.pop(run_id).finish()


@cache
def _monitor_class() -> type:
    # Imported here, since MLflow takes seconds to import.
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    # It says in the notebook when it starts and stops.
    logging.getLogger(SystemMetricsMonitor.__module__).setLevel(logging.ERROR)

    class Monitor(SystemMetricsMonitor):
        """MLflow's monitor, which waits for another metric."""

        after = ""

        def publish_metrics(self, metrics: dict[str, float]) -> None:
            if self.after and self.after in store.client().get_run(self._run_id).data.metrics:
                self.after = ""
            if not self.after:
                super().publish_metrics(metrics)

    return Monitor
