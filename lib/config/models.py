"""The parameter model of each notebook, by the notebook's name."""

from lib.config.base import Parameters
from lib.config.bench import Bench
from lib.config.check import Check
from lib.config.compare import Compare
from lib.config.inspect import Inspect
from lib.config.listen import Listen
from lib.config.prepare import Prepare
from lib.config.restore import Restore
from lib.config.train import Train
from lib.config.workers import Workers

# In this order MLflow's experiments are made, so that links to them hold everywhere.
MODELS: dict[str, type[Parameters]] = {
    "prepare": Prepare,
    "inspect": Inspect,
    "check": Check,
    "train": Train,
    "listen": Listen,
    "bench": Bench,
    "workers": Workers,
    "compare": Compare,
    "restore": Restore,
}
