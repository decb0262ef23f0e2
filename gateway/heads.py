"""Which heads of requests are taken: those that every server reads in the same way. PURE."""

from collections.abc import Mapping

_VERSIONS = frozenset({"1.0", "1.1"})


def find_fault(headers: Mapping[bytes, bytes], version: str) -> str:
    """Return what is wrong with a head, in one sentence; empty for nothing. Headers as in `Request`.

    RFC 9112: one `Host` in HTTP/1.1 (section 3.2), and no other transfer coding than `chunked`, which HTTP/1.0 does not
    know (section 6.1): two servers in a row that read these differently can be made to see different requests.
    """
    host = headers.get(b"host")
    if version == "1.1" and host is not None and b"," not in host and b"transfer-encoding" not in headers:
        return ""
    if version not in _VERSIONS:
        return "This is not HTTP/1.1."
    if host is None and version == "1.1":
        return "The Host header is missing."
    if host is not None and b"," in host:
        return "There is more than one Host header."
    coding = headers.get(b"transfer-encoding")
    if coding is not None and (version == "1.0" or coding.strip().lower() != b"chunked"):
        return "The body has a transfer coding that is not understood."
    return ""
