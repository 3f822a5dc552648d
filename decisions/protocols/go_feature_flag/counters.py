"""How often this process was called, for Prometheus, which has no key: so no flag and no tenant is named."""

import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
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


_VITALS = {
    "snapshot_age_seconds": "How old the configuration may be, while it cannot be looked up; 0 is as it is now.",
    "database_is_away": "Whether the last look at the database failed because it did not answer.",
    "environments_not_compiled": "Environments that are served as they were, because their rows make no sense.",
    "environments_held": "Environments in memory.",
    "snapshots_read": "How often an environment was read, since the process began.",
}


class _Counts(Collector):
    """Every process answers for itself, under its own id: sums over `pid` are those of the installation."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        for name, description in _DESCRIPTIONS.items():
            family = CounterMetricFamily(f"gofeatureflag_{name}", description, labels=["pid"])
            family.add_metric([str(os.getpid())], _counts[name])
            yield family


class _Vitals(Collector):
    """How the process that answers is."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, value in self.host.vitals().items():
            family = GaugeMetricFamily(f"switchyard_{name}", _VITALS[name], labels=["pid"])
            family.add_metric([str(os.getpid())], value)
            yield family


def metrics(host: Host) -> Reply:
    """GET /metrics: counters and the state of the process that answers, for Prometheus."""
    registry = CollectorRegistry()
    for collector in (_Counts(), _Vitals(host)):
        registry.register(collector)
    return Reply(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
