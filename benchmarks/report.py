"""Medians, spreads and ratios of what was measured, as a table and as JSON. PURE."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one server. CPU is per request: of all processes that worked for it, and of the first of them alone."""

    per_second: float
    cpu_us: float
    alone_us: float
    p50_us: float
    p99_us: float
    failed: int


Samples = Mapping[str, Sequence[Sample]]

# name of the ratio: (what is divided, by what, CPU or throughput)
_RATIOS = {
    "gateway_vs_nginx204": ("nginx204", "gateway", "cpu_us"),
    "gateway_alone_vs_nginx204": ("nginx204", "gateway", "alone_us"),
    "gateway_vs_drf_api_key": ("drf_api_key", "gateway", "cpu_us"),
    "gateway_vs_nginx_lua_shared": ("nginx_lua_shared", "gateway", "cpu_us"),
    "gateway_redis_vs_nginx_lua_redis": ("nginx_lua_redis", "gateway_redis", "cpu_us"),
    "gateway_auth_request_vs_nginx_lua_redis": ("chain_gateway", "chain_lua_redis", "per_second"),
}


def median(samples: Sequence[Sample], what: str) -> float:
    """Return the median of one figure over the rounds."""
    return statistics.median(getattr(sample, what) for sample in samples)


def summarise(found: Samples, machine: Mapping[str, str], missing: Mapping[str, str]) -> dict[str, Any]:
    """Return what bench.json holds. A ratio is None where one of its servers is missing, and `missing` says why.

    Ratios are medians of the rounds' own ratios: what slows the machine slows both servers of a round.
    """
    ratios: dict[str, float | None] = {}
    reasons = dict(missing)
    for name, (upper, lower, what) in _RATIOS.items():
        absent = [each for each in (upper, lower) if each not in found]
        if absent:
            ratios[name] = None
            reasons[name] = "; ".join(missing.get(each, f"{each} was not measured") for each in absent)
            continue
        pairs = zip(found[upper], found[lower], strict=True)
        ratios[name] = round(statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs), 3)
    latencies = {
        f"{name}_{what}": round(median(found[name], what)) if name in found else None
        for name in ("gateway", "nginx204")
        for what in ("p50_us", "p99_us")
    }
    servers = {
        name: {
            what: {
                "median": round(median(samples, what), 2),
                "least": round(min(getattr(sample, what) for sample in samples), 2),
                "most": round(max(getattr(sample, what) for sample in samples), 2),
            }
            for what in ("per_second", "cpu_us", "alone_us", "p50_us", "p99_us")
        }
        | {"failed": sum(sample.failed for sample in samples), "rounds": len(samples)}
        for name, samples in found.items()
    }
    return {**ratios, **latencies, "machine": dict(machine), "servers": servers, "missing": reasons}


def table(found: Samples, titles: Mapping[str, str]) -> str:
    """Return the figures as a table in Markdown."""
    rows = [
        "| what | requests/s | CPU µs per request | least to most | first process alone | p50 µs | p99 µs | failed |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, samples in found.items():
        cpu = [sample.cpu_us for sample in samples]
        rows.append(
            f"| {titles[name]} | {median(samples, 'per_second'):,.0f} | {statistics.median(cpu):,.1f} "
            f"| {min(cpu):,.1f} to {max(cpu):,.1f} | {median(samples, 'alone_us'):,.1f} | {median(samples, 'p50_us'):,.0f} | {median(samples, 'p99_us'):,.0f} "
            f"| {sum(sample.failed for sample in samples)} |"
        )
    return "\n".join(rows)
