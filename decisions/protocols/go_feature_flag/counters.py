"""How often this process was called, for Prometheus, which has no key: so no flag and no tenant is named."""

import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from decisions.protocols._base import Host, Reply

_DESCRIPTIONS = {
    "flag_evaluations": "Evaluations of one flag.",
    "all_flag_evaluations": "Evaluations of all flags at once.",
    "collect_eval_data": "Events that clients reported.",
    "flag_configuration": "Configurations that were asked for.",
    "flag_changes": "Changes that were sent over streams, each counted once however many listen.",
    "force_refresh": "Refreshes that were asked for.",
    "get_manifest": "Manifests that were asked for.",
}
_counts = dict.fromkeys(_DESCRIPTIONS, 0)


def count(name: str, times: int = 1) -> None:
    """Takes no lock on the way of a decision: of two threads in the same moment, one may go uncounted."""
    _counts[name] += times


class _Counts(Collector):
    """Every process answers for itself, under its own id: sums over `pid` are those of the installation."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        for name, description in _DESCRIPTIONS.items():
            family = CounterMetricFamily(f"gofeatureflag_{name}", description, labels=["pid"])
            family.add_metric([str(os.getpid())], _counts[name])
            yield family


_registry = CollectorRegistry()
_registry.register(_Counts())


def metrics(host: Host) -> Reply:
    """GET /metrics: counters of the process that answers, for Prometheus."""
    return Reply(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)
