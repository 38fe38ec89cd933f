"""The numbers in Prometheus's text format.

Strategy: the format is prometheus-client's work. It is imported here alone, so that a service nobody asks does without
its memory. Every line says which service it is of; those of a process (CPU, memory, files) also say which worker.
"""

from collections.abc import Iterator
from functools import partial

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample

from shared.metrics import catalog
from shared.metrics.metric import DECLARED, Counter, Gauge, Histogram, Metric
from shared.metrics.page import PAGE

assert catalog.CONNECTIONS in DECLARED  # the catalogue is what declares


class Exposition(Collector):
    """Writes what a service has measured."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def write(self) -> bytes:
        """Return all numbers of all workers."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Family]:
        """Yield what prometheus-client asks for."""
        for metric in DECLARED:
            if metric.is_of(self._service):
                yield self._family(metric)
        yield from self._processes()

    def _family(self, metric: Metric) -> Family:
        names, values = ["service"], [self._service]
        family: Family
        match metric:
            case Counter():
                labels = [*names, metric.label] if metric.label else names
                family = CounterMetricFamily(metric.name, metric.text, labels=labels)
                for word, total in metric.total().items():
                    family.add_metric([*values, word] if metric.label else values, total)
            case Gauge():
                family = GaugeMetricFamily(metric.name, metric.text, labels=names)
                family.add_metric(values, metric.total())
            case Histogram():
                buckets, total = metric.total()
                family = HistogramMetricFamily(metric.name, metric.text, labels=names)
                family.add_metric(values, buckets, total)
            case _:
                raise TypeError(metric.name)
        return family

    def _processes(self) -> Iterator[Family]:
        families: dict[str, Family] = {}
        for number, pid in enumerate(PAGE.pids):
            for family in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                kept = families.setdefault(family.name, family)
                labels = {"service": self._service, "worker": str(number)}
                samples = [Sample(one.name, labels, one.value) for one in family.samples]
                kept.samples = [*kept.samples, *samples] if kept is not family else samples
        yield from families.values()
