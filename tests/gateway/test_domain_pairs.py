"""Allowed domains against the verdict of the gateway: every pair of a list and a source in domain_pairs.txt."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway import outcomes
from gateway.requests import sources
from gateway.rules import Catalogue, Organization, Product, Rules
from gateway.verdict import Question, decide
from keys import domains, tokens

FILE = Path(__file__).with_name("domain_pairs.txt")
PEPPER, NOW = b"p" * 32, 1_800_000_000.0
STRING = tokens.make()
ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\t|\\\\|\{(.+?)\*(\d+)\}")


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of the table; a header that is absent is None."""

    number: int
    typed: str
    origin: str | None
    referer: str | None
    outcome: str
    why: str

    def __str__(self) -> str:
        return f"line {self.number}: [{self.typed[:80]}] {self.origin} {self.referer}: {self.outcome}, {self.why}"[:400]


def read(text: str) -> str:
    """What a cell of the table stands for."""

    def character(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        return found[2] * int(found[3]) if found[2] else {"\\t": "\t", "\\\\": "\\"}[found[0]]

    return ESCAPE.sub(character, text)


def header(cell: str) -> str | None:
    return None if cell == "-" else read(cell.replace('""', ""))


def pairs() -> list[Pair]:
    found = []
    for number, line in enumerate(FILE.read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            typed, origin, referer, outcome, why = (
                line.lstrip().split(" | ") if line[0] != " " else ["", *line[3:].split(" | ")]
            )
            found.append(Pair(number, read(typed), header(origin), header(referer), outcome, why))
    return found


def decided(pair: Pair) -> str:
    """The outcome of a request with a key that has this list, by the gateway."""
    rules = Rules(peppers=(PEPPER,))
    rules.catalogue = Catalogue.make([Product(1, "map", "Map", 5, None)], [(1, "/map/")])
    rules.organizations[1] = Organization("org_1", False)
    allowed = domains.read_list(pair.typed)
    digest = tokens.digest(STRING, PEPPER)
    rules.put_key((1, "key_1", 1, allowed, None, None, None, [1], [digest], [None], [1], [None]))
    sent = {b"origin": pair.origin, b"referer": pair.referer}
    origin, referer = sources({name: said.encode() for name, said in sent.items() if said is not None})
    return decide(rules, Question(STRING, "/map/x", origin=origin, referer=referer), NOW).outcome.code


def test_every_pair_is_decided_as_the_table_says(record_property):
    found = pairs()
    wrong = [f"{pair}\n    but it is {outcome}" for pair in found if (outcome := decided(pair)) != pair.outcome]
    record_property("said", f"Allowed domains: {len(found)} pairs, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)


def test_the_table_is_as_long_as_promised_and_says_nothing_twice():
    found = pairs()
    keys = [(pair.typed, pair.origin, pair.referer) for pair in found]
    assert len(found) >= 200
    assert [key for key in set(keys) if keys.count(key) > 1] == []
    assert {pair.outcome for pair in found} == {outcomes.OK.code, outcomes.DOMAIN_NOT_ALLOWED.code}


@pytest.mark.parametrize(
    "raw", [b"https://m\xfcnchen.de", b"https://\xff.example.com", b"\x80", b"https://example.com\xa0"]
)
def test_a_source_that_is_no_utf_8_passes_no_list(raw):
    origin, _ = sources({b"origin": raw})
    assert not domains.is_allowed(domains.host_of(origin, None), ("example.com", "xn--mnchen-3ya.de", "*.example.com"))
