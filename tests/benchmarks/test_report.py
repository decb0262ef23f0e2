"""What is made of the figures of a benchmark."""

from benchmarks.report import Sample, summarise, table

MACHINE = {"processor": "x", "cores": "2"}


def sample(cpu_us: float, per_second: float = 1_000.0) -> Sample:
    return Sample(per_second, cpu_us, cpu_us - 1, 100.0, 900.0, 0)


FOUND = {
    "nginx204": [sample(7), sample(14), sample(8)],
    "gateway": [sample(14), sample(28), sample(20)],
    "chain_gateway": [sample(30, 2_400), sample(30, 2_500), sample(30, 2_600)],
    "chain_lua_redis": [sample(60, 2_000), sample(60, 2_000), sample(60, 2_000)],
}


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    found = summarise(FOUND, MACHINE, {})
    assert found["gateway_vs_nginx204"] == 0.5
    assert found["gateway_auth_request_vs_nginx_lua_redis"] == 1.25
    assert (found["gateway_p50_us"], found["nginx204_p99_us"]) == (100, 900)
    assert found["servers"]["gateway"]["cpu_us"] == {"median": 20, "least": 14, "most": 28}


def test_what_was_not_measured_is_none_and_says_why():
    found = summarise(FOUND, MACHINE, {"drf_api_key": "it could not be installed"})
    assert found["gateway_vs_drf_api_key"] is None
    assert found["missing"]["gateway_vs_drf_api_key"] == "it could not be installed"
    assert found["gateway_redis_vs_nginx_lua_redis"] is None
    assert "gateway_redis was not measured" in found["missing"]["gateway_redis_vs_nginx_lua_redis"]


def test_the_table_has_a_row_for_each_server():
    lines = table(FOUND, {name: f"the {name}" for name in FOUND}).splitlines()
    assert len(lines) == 2 + len(FOUND)
    assert lines[3].startswith("| the gateway | 1,000 | 20.0 | 14.0 to 28.0 | 19.0 |")
    assert len({line.count("|") for line in lines}) == 1
