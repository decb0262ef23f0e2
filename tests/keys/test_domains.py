"""Allowed domains: what is read, what passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import domains

READ = {
    "example.com": "example.com",
    "EXAMPLE.com.": "example.com",
    "*.Example.com": "*.example.com",
    "localhost": "localhost",
    "münchen.de": "xn--mnchen-3ya.de",
    "*.münchen.de": "*.xn--mnchen-3ya.de",
    "faß.de": "xn--fa-hia.de",
    "例え.jp": "xn--r8jz45g.jp",
    "192.0.2.7": "192.0.2.7",
    "[2001:DB8::1]": "2001:db8::1",
    "a.b.c.d.example": "a.b.c.d.example",
}
REFUSED = [
    "https://example.com", "example.com/path", "example.com:443", "*", "*.", "*.com", "*.localhost", "a.*.com", "exa*mple.com",
    "-a.com", "a-.com", "a..com", ".com", "com", "intranet", "exam_ple.com", "a" * 64 + ".com", "999.1.1.1", "*.192.0.2.7",
    "exa\u0000mple.com", "<script>.com", "a.com;b.com", "xn--.com.", "'or'1=1.com", ".".join(["a" * 60] * 5),
]  # fmt: skip

PASSES = {
    # (allowed, Origin, Referer): passes
    ((), None, None): True,
    ((), "null", None): True,
    (("example.com",), "https://example.com", None): True,
    (("example.com",), "http://example.com:8080", None): True,
    (("example.com",), None, "https://example.com/a/page?x=1"): True,
    (("example.com",), "https://EXAMPLE.com", None): True,
    (("example.com",), "https://example.com.", None): True,
    (("example.com",), None, None): False,
    (("example.com",), "null", None): False,
    (("example.com",), "null", "https://example.com/"): False,
    (("example.com",), "https://evil.com", "https://example.com/"): False,
    (("example.com",), "https://example.com.evil.com", None): False,
    (("example.com",), "https://evilexample.com", None): False,
    (("example.com",), "https://www.example.com", None): False,
    (("example.com",), "https://example.com@evil.com", None): False,
    (("example.com",), "https://evil.com/example.com", None): False,
    (("example.com",), "https://evil.com#example.com", None): False,
    (("example.com",), "https://evil.com?example.com", None): False,
    (("example.com",), "example.com", None): False,
    (("example.com",), "https://[::1", None): False,
    (("*.example.com",), "https://www.example.com", None): True,
    (("*.example.com",), "https://a.b.example.com", None): True,
    (("*.example.com",), "https://example.com", None): False,
    (("*.example.com",), "https://.example.com", None): False,
    (("*.example.com",), "https://wwwexample.com", None): False,
    (("xn--mnchen-3ya.de",), "https://münchen.de", None): True,
    (("xn--mnchen-3ya.de",), "https://xn--mnchen-3ya.de", None): True,
    (("localhost",), "http://localhost:3000", None): True,
    (("localhost",), "http://127.0.0.1:3000", None): False,
    (("127.0.0.1",), "http://127.0.0.1:3000", None): True,
    (("2001:db8::1",), "http://[2001:DB8::1]:3000", None): True,
    (("a.example", "b.example"), "https://b.example", None): True,
}


@pytest.mark.parametrize("entry", READ)
def test_entries_are_stored_in_one_form(entry):
    assert domains.read(entry) == READ[entry]
    assert domains.read(READ[entry]) == READ[entry]


@pytest.mark.parametrize("entry", REFUSED)
def test_a_wrong_entry_is_refused_and_named(entry):
    with pytest.raises(domains.DomainError) as error:
        domains.read(entry)
    assert error.value.entry == entry
    assert f"“{entry}”" in str(error.value)


def test_a_list_is_parted_by_commas_spaces_and_lines():
    assert domains.read_list(" a.com,b.com\n\nc.com ,, a.com\t*.d.com") == ["a.com", "b.com", "c.com", "*.d.com"]


@pytest.mark.parametrize(("allowed", "origin", "referer"), PASSES)
def test_the_table_of_what_passes(allowed, origin, referer):
    assert domains.is_allowed(domains.host_of(origin, referer), allowed) == PASSES[allowed, origin, referer]


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_header_ever_raises(origin, referer):
    domains.is_allowed(domains.host_of(origin, referer), ("example.com",))


@given(st.text(max_size=80))
def test_what_is_read_passes_itself(entry):
    try:
        stored = domains.read(entry)
    except domains.DomainError:
        return
    host = stored.replace("*.", "www.")
    origin = f"https://[{host}]" if ":" in host else f"https://{host}"
    assert domains.is_allowed(domains.host_of(origin, None), (stored,))
