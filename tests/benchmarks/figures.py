"""Made-up figures, for what computes with figures."""

from benchmarks.latency import Latency
from benchmarks.startup import Startup
from benchmarks.throughput import Throughput


def throughput(rate: float, cpu: float) -> Throughput:
    """A run at *rate* records a second that took *cpu* microseconds a record."""
    return Throughput(
        records=1000,
        seconds=1000 / rate,
        records_per_second=rate,
        cpu_microseconds_per_record=cpu,
        peak_rss_mib=600.0,
    )


def latency(p99_ms: float) -> Latency:
    """A run with this tail."""
    return Latency(
        rate=1000,
        records=1000,
        p50_ms=1.0,
        p99_ms=p99_ms,
        highest_ms=p99_ms * 2,
        cpu_microseconds_per_record=300.0,
        generator_lateness_p99_ms=0.1,
    )


def startup(ready: float) -> Startup:
    """A start that took *ready* seconds, 1.5 of them for others."""
    return Startup(
        ready=ready,
        python=0.1,
        import_tensorflow=1.0,
        import_faust=0.3,
        load_model=0.1,
        import_tensorflow_and_keras=3.0,
    )
