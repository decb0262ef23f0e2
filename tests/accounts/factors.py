"""Second factors for tests: what an app on a phone shows."""

import base64
import hashlib
import hmac
import re
import struct
import time

from tests.page import Browser

SET_UP = "/accounts/security/app/"


def code_of(secret: str, *, steps: int = 0) -> str:
    """The code that an app shows `steps` periods from now, by RFC 6238."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def set_up_app(browser: Browser) -> tuple[str, list[str]]:
    """Set up an app for a person who signed in or confirmed a moment ago; return its secret and the recovery codes."""
    secret = browser.get(SET_UP).one(".setup .note code").text
    page = browser.post(SET_UP, {"code": code_of(secret)}, follow=True)
    return secret, page.texts(".codes code")


def wrong(code: str) -> str:
    """A code of the same shape that is another."""
    return re.sub(".$", lambda digit: str((int(digit.group()) + 1) % 10), code)
