"""The parameter model of each notebook, by the notebook's name."""

from lib.config.base import Parameters
from lib.config.bench import Bench
from lib.config.blind import Blind
from lib.config.check import Check
from lib.config.compare import Compare
from lib.config.inspect import Inspect
from lib.config.listen import Listen
from lib.config.prepare import Prepare
from lib.config.restore import Restore
from lib.config.train import Train
from lib.config.workers import Workers

# MLflow's experiments are created in this order, so that they have the same ids in every store.
# New notebooks go to the end.
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
    "blind": Blind,
}
