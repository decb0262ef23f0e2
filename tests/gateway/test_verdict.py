"""The verdict against a small oracle that was written apart from it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import outcomes, verdict
from gateway.rules import Catalogue, Organization, Product, Rules
from gateway.verdict import Question, Standing, decide
from keys import tokens

PEPPER, OLD_PEPPER = b"p" * 32, b"o" * 32
NOW = 1_800_000_000.0
STRINGS = [tokens.make() for _ in range(4)]
PREFIXES = ["/a/", "/a/b", "/a/b/c/", "/d"]
PATHS = ["/a/", "/a/x", "/a/b", "/a/bx", "/a/b/c/y", "/a//b/c/y", "/d", "/dd/e", "/", "/x", "/A/", "/a"]
HOSTS = [
    None,
    "null",
    "https://example.com",
    "http://a.example.com:81/x?y",
    "https://evil.com/#example.com",
    "https://aexample.com",
]

moments = st.sampled_from([None, NOW - 1, NOW - 0.001, NOW, NOW + 0.001, NOW + 1])
keys = st.fixed_dictionaries(
    {
        "deleted": st.booleans(),
        "disabled": st.booleans(),
        "suspended": st.booleans(),
        "expires_at": moments,
        "ends_at": moments,
        "domains": st.sampled_from([(), ("example.com",), ("*.example.com",), ("other.org", "example.com")]),
        "limits": st.dictionaries(st.integers(1, 4), st.sampled_from([None, 1, 7])),
        "pepper": st.sampled_from([PEPPER, OLD_PEPPER]),
    }
)
worlds = st.fixed_dictionaries(
    {
        "keys": st.lists(keys, max_size=3),
        "routes": st.dictionaries(st.sampled_from(PREFIXES), st.integers(1, 4)),
        "retired": st.sets(st.integers(1, 4)),
    }
)
questions = st.builds(
    Question,
    string=st.sampled_from(["", "x", STRINGS[0][:-1] + "!", *STRINGS]),
    path=st.sampled_from(PATHS),
    origin=st.sampled_from(HOSTS),
    referer=st.sampled_from(HOSTS),
)


def build(world) -> Rules:
    rules = Rules(peppers=(PEPPER, OLD_PEPPER))
    made = [
        Product(n, f"p{n}", f"Product {n}", n * 10, NOW - 5 if n in world["retired"] else None) for n in range(1, 5)
    ]
    rules.catalogue = Catalogue.make(made, [(product, prefix) for prefix, product in world["routes"].items()])
    for n, key in enumerate(world["keys"]):
        rules.organizations[n] = Organization(f"org_{n}", key["suspended"])
        digest = tokens.digest(STRINGS[n], key["pepper"])
        flags = [1.0 if key["disabled"] else None, 1.0 if key["deleted"] else None]
        ids = sorted(key["limits"])
        limits = [key["limits"][product] for product in ids]
        rules.put_key(
            (
                n,
                f"key_{n}",
                n,
                list(key["domains"]),
                key["expires_at"],
                *flags,
                [1],
                [digest],
                [key["ends_at"]],
                ids,
                limits,
            )
        )
    return rules


def oracle(world, question: Question) -> tuple[str, int]:
    """The outcome and limit as the documentation tells it."""
    if question.string == "":
        return "missing_key", 0
    if question.string not in STRINGS:
        return "malformed_key", 0
    n = STRINGS.index(question.string)
    if n >= len(world["keys"]):
        return "unknown_key", 0
    key = world["keys"][n]
    if key["deleted"]:
        return "deleted_key", 0
    if any(end is not None and end <= NOW for end in (key["ends_at"], key["expires_at"])):
        return "expired_key", 0
    if key["disabled"]:
        return "disabled_key", 0
    if key["suspended"]:
        return "suspended", 0
    path = question.path.replace("//", "/")
    matching = sorted((prefix for prefix in world["routes"] if path.startswith(prefix)), key=len)
    if not matching or world["routes"][matching[-1]] in world["retired"]:
        return "no_such_route", 0
    product = world["routes"][matching[-1]]
    if product not in key["limits"]:
        return "product_not_allowed", 0
    source = question.origin if question.origin else question.referer
    host = None if source in (None, "null") else source.split("//")[1].split("/")[0].split(":")[0]
    if key["domains"] and not any(
        host is not None and (host.endswith("." + domain[2:]) if domain[:2] == "*." else domain == host)
        for domain in key["domains"]
    ):
        return "domain_not_allowed", 0
    return "ok", key["limits"][product] or product * 10


@settings(max_examples=600, deadline=None)
@given(worlds, questions)
def test_the_verdict_is_the_oracles(world, question):
    found = decide(build(world), question, NOW)
    assert (found.outcome.word, found.limit) == oracle(world, question)


@settings(max_examples=200, deadline=None)
@given(worlds, questions, st.sampled_from([Standing.FROM_MEMORY, Standing.NOT_READY]))
def test_without_the_database_only_known_keys_are_decided_about(world, question, standing):
    word, _ = oracle(world, question)
    found = decide(build(world), question, NOW, standing).outcome.word
    if word in {"missing_key", "malformed_key"}:
        assert found == word
    elif word == "unknown_key" or standing is Standing.NOT_READY:
        assert found == "not_ready"
    else:
        assert found == word


class NoLookUp(dict):
    def get(self, key, default=None):
        raise AssertionError("the string was looked up")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 39), st.characters(min_codepoint=1, max_codepoint=0x2FF))
def test_every_change_of_one_character_is_refused_without_a_look_up(place, letter):
    string = STRINGS[0]
    if string[place] != letter:
        changed = string[:place] + letter + string[place + 1 :]
        rules = Rules(peppers=(PEPPER,), secrets=NoLookUp())
        assert decide(rules, Question(changed, "/a/"), NOW).outcome is outcomes.MALFORMED_KEY


def test_changing_a_key_forgets_its_old_strings():
    key = {"deleted": False, "disabled": False, "suspended": False, "expires_at": None, "ends_at": None, "domains": (),
           "limits": {1: None}, "pepper": PEPPER}  # fmt: skip
    rules = build({"keys": [key], "routes": {"/a/": 1}, "retired": set()})
    other = tokens.digest(STRINGS[1], PEPPER)
    rules.put_key((0, "key_0", 0, [], None, None, None, [2], [other], [None], [1], [None]))
    assert decide(rules, Question(STRINGS[0], "/a/"), NOW).outcome is outcomes.UNKNOWN_KEY
    assert decide(rules, Question(STRINGS[1], "/a/"), NOW).outcome is outcomes.OK
    rules.forget_key(0)
    assert decide(rules, Question(STRINGS[1], "/a/"), NOW).outcome is outcomes.UNKNOWN_KEY
    assert not rules.secrets


@pytest.mark.parametrize(
    ("origin", "referer", "host"),
    [
        ("https://example.com", "https://other.com/", "example.com"),
        (None, "https://münchen.example/weg?x=//a", "xn--mnchen-3ya.example"),
        (None, "https://user:pass@example.com:1/x", "example.com"),
        (None, "https://[2001:DB8::1]:1/x", "2001:db8::1"),
        ("null", "https://example.com/", None),
        ("", "https://EXAMPLE.com./", "example.com"),
        (None, "example.com/x", None),
        (None, "https://" + "a" * 5000 + ".com/", None),
        (None, "https://[broken/", None),
        (None, "//", None),
        (None, None, None),
    ],
)
def test_the_host_is_read_from_origin_else_referer(origin, referer, host):
    assert verdict.source_host(origin, referer) == host


def test_numbers_and_words_of_outcomes_are_each_unique():
    assert (
        len({outcome.number for outcome in outcomes.ALL})
        == len(outcomes.ALL)
        == len({o.word for o in outcomes.ALL})
        == 13
    )
