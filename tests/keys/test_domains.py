"""Allowed domains: what is read. What passes is a table, tests/gateway/domain_pairs.txt."""

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
    "exa\u0000mple.com", "<script>.com", "a.com;b.com", "xn--.com.", "[example.com]", "example.com..", "'or'1=1.com", ".".join(["a" * 60] * 5),
]  # fmt: skip


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


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("*.münchen.de", "*.münchen.de"),
        ("例え.jp", "例え.jp"),
        ("faß.example", "faß.example"),
        ("plain.example", "plain.example"),
        ("аррӏе.com", "xn--80ak6aa92e.com"),  # Cyrillic letters that look like those of a brand
        ("pаypal.com", "xn--pypal-4ve.com"),  # one of them among Latin ones
        ("ıkea.com", "xn--kea-iua.com"),  # an i without its dot
    ],
)
def test_domains_are_shown_as_people_write_them_unless_they_could_be_taken_for_others(typed, shown):
    stored = domains.read(typed)
    assert stored.isascii()
    assert domains.readable(stored) == shown


def test_a_list_is_parted_by_commas_spaces_and_lines():
    assert domains.read_list(" a.com,b.com\n\nc.com ,, a.com\t*.d.com") == ["a.com", "b.com", "c.com", "*.d.com"]


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


LISTS = st.lists(
    st.sampled_from(["a.com", "b.com", "x.a.com", "*.a.com", "*.x.a.com", "y.x.a.com", "*.b.com", "192.0.2.7"]),
    unique=True,
    max_size=4,
)
HOSTS = ["a.com", "b.com", "x.a.com", "y.x.a.com", "z.y.x.a.com", "w.a.com", "c.b.com", "xa.com", "192.0.2.7", None]


@given(LISTS, LISTS)
def test_what_two_lists_have_in_common_is_what_both_let_pass(first, second):
    common = domains.common(first, second)
    for host in HOSTS:
        passes_both = domains.is_allowed(host, tuple(first)) and domains.is_allowed(host, tuple(second))
        assert passes_both is (common is not None and domains.is_allowed(host, tuple(common)))
    assert common != [] or first == second == []


@given(LISTS)
def test_a_list_has_itself_in_common_with_itself_and_with_one_that_lets_everything_pass(each):
    assert domains.common(each, each) == domains.common(each, []) == domains.common([], each) == each
