"""The OpenAPI document against real answers, batches of /v1/verify, and the clients of the docs as they are printed there."""

import re
import subprocess
import sys
import time

import pytest
from jsonschema import Draft202012Validator

from gateway import openapi, outcomes
from keys.models import KeyProduct
from tests.factories import string_of
from tests.gateway.processes import ROOT, wait_until
from tests.gateway.proxies import need

SEARCH = "/search/2/x"
DOCUMENT = openapi.DOCUMENT
GUIDE = ROOT / "docs" / "gateway.md"


@pytest.fixture
def string(people, gateway, http) -> str:
    """A key with room enough, known to the gateway."""
    KeyProduct.objects.filter(key=people.key, product__code="search").update(qps_limit=1_000)
    made = string_of(people.key)
    wait_until(lambda: http.ask(SEARCH, x_api_key=made).headers["RateLimit-Limit"] == "1000", within_s=2)
    return made


def check(schema: dict, content) -> None:
    """Hold content against a schema of the document."""
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(content)


def schema_of(path: str, method: str, status: int, kind: str = "application/json") -> dict:
    answer = DOCUMENT["paths"][path][method]["responses"][str(status)]
    if "$ref" in answer:
        answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return answer["content"][kind]["schema"]


def test_it_is_served_as_it_is_written(http):
    answer = http.ask("/v1/openapi.json")
    assert (answer.status, answer["Content-Type"]) == (200, "application/json")
    assert answer.json == DOCUMENT
    assert http.ask("/v1/openapi.json", method="DELETE").code == "method_not_allowed"


def test_its_schemas_are_schemas_and_all_references_lead_somewhere():
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for kind, name in re.findall(r"'#/components/(\w+)/(\w+)'", str(DOCUMENT)):
        assert name in DOCUMENT["components"][kind]
    ids = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids))


def test_every_outcome_is_described():
    codes = {outcome.code for outcome in outcomes.ALL}
    assert codes == set(DOCUMENT["components"]["schemas"]["VerifyAnswer"]["properties"]["outcome"]["enum"])
    assert codes - {"ok"} <= set(DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
    statuses = {str(outcome.status) for outcome in outcomes.ALL}
    assert statuses <= set(DOCUMENT["paths"]["/authorize"]["get"]["responses"])


def test_answers_are_as_described(http, string):
    questions = [
        {"key": string, "path": SEARCH}, {"key": string, "product": "search", "origin": "https://a.example", "tracking_id": "t"},
        {"key": "", "path": SEARCH}, {"key": "x", "path": "/nowhere"}, {"key": string, "product": "nothing"},
        {"key": string, "path": "/traffic/x"},
    ]  # fmt: skip
    asked = DOCUMENT["paths"]["/v1/verify"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    for body in (*questions, questions, {"requests": questions}):
        check(asked, body)
        answer = http.post("/v1/verify", body)
        assert answer.status == 200
        check(schema_of("/v1/verify", "post", 200), answer.json)
    for bad in ({"key": 1}, [], [{}], {"requests": 5}, {"requests": [{"key": "x", "path": "/a", "product": "b"}]}):
        answer = http.post("/v1/verify", bad)
        assert answer.status == 400
        check(schema_of("/v1/verify", "post", 400, "application/problem+json"), answer.json)
    token = http.ask("/authorize", x_original_uri=SEARCH, x_api_key=string)["X-Latchkey-Report"]
    report = [{"report": token, "status": 200, "duration_ms": 1.5}]
    check(DOCUMENT["paths"]["/v1/report"]["post"]["requestBody"]["content"]["application/json"]["schema"], report)
    answer = http.post("/v1/report", report)
    assert answer.json["recorded"] == 1
    check(schema_of("/v1/report", "post", 200), answer.json)
    check(schema_of("/v1/report", "post", 400, "application/problem+json"), http.post("/v1/report", []).json)


def test_headers_and_problems_of_forward_auth_are_as_described(http, string):
    described = DOCUMENT["paths"]["/authorize"]["get"]["responses"]
    allowed = http.ask("/authorize", x_original_uri=SEARCH, x_api_key=string)
    assert all(allowed[name] is not None for name in described["200"]["headers"])
    for uri, key in ((SEARCH, ""), ("/nowhere", string), ("/traffic/x", string), ("/a/../b", string)):
        answer = http.ask("/authorize", x_original_uri=uri, x_api_key=key)
        check(schema_of("/authorize", "get", answer.status, "application/problem+json"), answer.json)
    refused = http.ask("/authorize/nginx", x_original_uri=SEARCH)
    assert refused["X-Latchkey-Status"] == "401"


def test_a_batch_is_answered_in_order_and_counted_one_by_one(people, gateway, http, string):
    before = http.post("/v1/verify", {"key": string, "path": SEARCH}).json["remaining"]
    questions = [{"key": string if n % 2 else "wrong", "path": SEARCH, "tracking_id": f"n-{n}"} for n in range(100)]
    for body in (questions, {"requests": questions}):
        answer = http.post("/v1/verify", body).json
        found = answer["answers"] if isinstance(answer, dict) else answer
        assert [entry["tracking_id"] for entry in found] == [f"n-{n}" for n in range(100)]
        assert [entry["allowed"] for entry in found] == [bool(n % 2) for n in range(100)]
    assert len({entry["report"] for entry in found if entry["allowed"]}) == 50
    assert min(entry["remaining"] for entry in found if entry["allowed"]) >= before - 101
    assert http.post("/v1/verify", [{"key": "x", "path": "/a"}] * 101).code == "bad_request"
    refused = http.post("/v1/verify", [{"key": string, "path": SEARCH}, {"key": string}])
    assert "Request 1" in refused.json["detail"]


def test_the_batches_limit_is_that_of_its_requests(people, gateway, http, string):
    KeyProduct.objects.filter(key=people.key, product__code="search").update(qps_limit=7)
    wait_until(lambda: http.ask(SEARCH, x_api_key=string).headers["RateLimit-Limit"] == "7", within_s=2)

    time.sleep(1.01)  # what was admitted before counts for a second
    found = http.post("/v1/verify", [{"key": string, "path": SEARCH}] * 20).json
    assert [entry["outcome"] for entry in found] == ["ok"] * 7 + ["over_qps"] * 13


def example(language: str) -> str:
    """The program in the docs."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(found.splitlines()) <= 12
    return found


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_the_clients_of_the_docs_run(people, gateway, http, string, language, tmp_path):
    program = example(language).replace("http://localhost:8001", f"http://127.0.0.1:{gateway.port}")
    assert str(gateway.port) in program
    if language == "python":
        command = [sys.executable, "-c", program + "\nimport sys\nprint(may_pass(sys.argv[1], sys.argv[2])['outcome'])"]
    else:
        path = tmp_path / "client.mjs"
        path.write_text(program + "\nconsole.log((await mayPass(process.argv[2], process.argv[3])).outcome)")
        command = [need("node"), str(path)]
    for key, outcome in ((string, "ok"), ("wrong", "malformed_key")):
        found = subprocess.run([*command, key, SEARCH], capture_output=True, text=True, timeout=20)
        assert found.stdout.strip() == outcome, found.stderr
