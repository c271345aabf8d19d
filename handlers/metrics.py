"""All metrics of the product, in one place.

Names: ``banshi_<thing>_<unit>``, counters end in ``_total``, times in seconds. Every label's values are known at start
(route names, outcomes), so that a series that never happened still shows as zero and a caller cannot make new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from nlp.answer import Outcome
from services.payments.till import OPERATIONS, OUTCOMES

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx")
ASK_OUTCOMES = tuple(outcome.value for outcome in Outcome)
DELIVERY_OUTCOMES = ("delivered", "failed", "dead")


class PayCalls(Collector):
    """``banshi_wechat_pay_calls_total``, from the numbers that the till keeps by (operation, outcome)."""

    def __init__(self, calls: Mapping[tuple[str, str], int]) -> None:
        self._calls = calls

    def collect(self) -> Iterator[CounterMetricFamily]:
        labels = ("operation", "outcome")
        family = CounterMetricFamily("banshi_wechat_pay_calls", "Calls to WeChat Pay.", labels=labels)
        for operation in OPERATIONS:
            for outcome in OUTCOMES:
                family.add_metric((operation, outcome), self._calls.get((operation, outcome), 0))
        yield family


class Metrics:
    """One registry per process."""

    def __init__(
        self,
        routes: Iterable[str] = (),
        consumers: Iterable[str] = (),
        pay_calls: Mapping[tuple[str, str], int] | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        if pay_calls is not None:
            self.registry.register(PayCalls(pay_calls))
        self._requests = Counter(
            "banshi_requests_total", "Requests answered.", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "banshi_request_seconds", "Time to answer.", ("route",), buckets=BUCKETS, registry=self.registry
        )
        self._commands = Counter(
            "banshi_database_commands_total", "Database commands sent for requests.", ("route",), registry=self.registry
        )
        self._asks = Counter("banshi_asks_total", "Questions by outcome.", ("outcome",), registry=self.registry)
        self._deliveries = Counter(
            "banshi_event_deliveries_total",
            "Events handed to consumers.",
            ("consumer", "outcome"),
            registry=self.registry,
        )
        self.sockets = Gauge("banshi_sockets", "Open WebSocket connections.", registry=self.registry)
        self.loop_delay = Gauge(
            "banshi_loop_delay_seconds", "Newest measured event loop delay.", registry=self.registry
        )
        self.index_items = Gauge("banshi_index_items", "Items the matcher knows.", registry=self.registry)
        for route in routes:
            self._seconds.labels(route)
            self._commands.labels(route)
            for status in STATUS_CLASSES:
                self._requests.labels(route, status)
        self._known = frozenset(routes)
        for outcome in ASK_OUTCOMES:
            self._asks.labels(outcome)
        for consumer in consumers:
            for outcome in DELIVERY_OUTCOMES:
                self._deliveries.labels(consumer, outcome)

    def request(self, route: str, status: int, seconds: float, commands: int) -> None:
        if route in self._known:
            self._requests.labels(route, f"{status // 100}xx").inc()
            self._seconds.labels(route).observe(seconds)
            self._commands.labels(route).inc(commands)

    def ask(self, outcome: str) -> None:
        self._asks.labels(outcome).inc()

    def delivery(self, consumer: str, outcome: str) -> None:
        self._deliveries.labels(consumer, outcome).inc()

    def exposition(self) -> bytes:
        return generate_latest(self.registry)
