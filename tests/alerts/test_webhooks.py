"""A webhook arrives signed at a real server, and reaches nothing that is not on the public internet."""

import re
import socket
import threading
import time
from pathlib import Path

import pytest

from alerts import webhooks
from tests.alerts.receiver import certificate_for, running

BODY = '{"id":"aev_1","message":"12 % – ü"}'
SECRET = "whsec_for-tests"


@pytest.fixture(autouse=True)
def _own_machine(settings):
    settings.ALERT_WEBHOOK_NETWORKS = ["127.0.0.1/32", "::1/128"]


def documented_check():
    """The Python example of the documentation, as it stands there."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    return names["is_genuine"]


def test_a_webhook_arrives_whole_and_its_signature_holds_as_documented():
    with running() as receiver:
        answer = webhooks.send(f"http://127.0.0.1:{receiver.port}/take?this=1", BODY, secret=SECRET)
    assert (answer.status, answer.text, answer.error, answer.is_taken) == (200, "thank you", "", True)
    assert receiver.bodies == [BODY.encode()]
    header = receiver.headers[0]["Latchkey-Signature"]
    is_genuine = documented_check()
    assert is_genuine(SECRET, header, BODY.encode())
    assert not is_genuine("whsec_other", header, BODY.encode())
    assert not is_genuine(SECRET, header, BODY.encode() + b" ")
    assert not is_genuine(SECRET, webhooks.sign(SECRET, BODY, int(time.time()) - 600), BODY.encode())


def test_a_certificate_counts_for_the_name_and_the_name_is_asked_once(tmp_path, monkeypatch):
    """A name that would lead elsewhere the second time leads nowhere: the address that was judged is connected to."""
    certificate = certificate_for("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    asked, real = [], socket.getaddrinfo

    def answer_otherwise_later(host, port, *args, **options):
        if host == "localhost":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return real(host, port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer_otherwise_later)
    with running(certificate) as receiver:
        answer = webhooks.send(f"https://localhost:{receiver.port}/", BODY, secret=SECRET)
        assert (answer.status, answer.error) == (200, "")
        assert asked == ["localhost"]
        assert receiver.headers[0]["Host"] == f"localhost:{receiver.port}"


def test_a_certificate_for_another_name_or_of_nobody_known_is_refused(tmp_path, monkeypatch):
    certificate = certificate_for("elsewhere.example", tmp_path)
    with running(certificate) as receiver:
        url = f"https://127.0.0.1:{receiver.port}/"
        unknown = webhooks.send(url, BODY, secret=SECRET)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        other = webhooks.send(url, BODY, secret=SECRET)
        assert receiver.bodies == []
    assert unknown == webhooks.Answer(error="The certificate is not accepted: it is signed by itself.")
    assert other == webhooks.Answer(error="The certificate is not accepted: it is for another name.")


def test_a_server_that_speaks_no_tls_is_named_so():
    with running() as receiver:
        answer = webhooks.send(f"https://127.0.0.1:{receiver.port}/", BODY, secret=SECRET)
    assert answer == webhooks.Answer(error="No encrypted connection came about.")


def test_a_redirect_is_not_followed():
    with running() as receiver:
        receiver.statuses = [307, 200]
        answer = webhooks.send(f"http://127.0.0.1:{receiver.port}/", BODY, secret=SECRET)
        assert len(receiver.bodies) == 1
    assert (answer.status, answer.is_taken, answer.error) == (307, False, "Redirects are not followed.")


def test_an_answer_that_never_ends_is_left_after_the_limit(monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.5)
    with running() as receiver:
        receiver.drip = True
        began = time.monotonic()
        answer = webhooks.send(f"http://127.0.0.1:{receiver.port}/", BODY, secret=SECRET)
    assert time.monotonic() - began < 2
    assert not answer.is_taken
    assert answer.error.startswith("No ")


def test_a_name_that_nobody_resolves_is_left_after_the_limit_too(monkeypatch):
    """The resolver that answers no more is one of this process: a real one would take a network of its own."""
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.5)
    answers, real = threading.Event(), socket.getaddrinfo

    def answer_late(*args, **options):
        answers.wait(20)
        return real("127.0.0.1", *args[1:], **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer_late)
    with running() as receiver:
        began = time.monotonic()
        answer = webhooks.send(f"http://name.example:{receiver.port}/", BODY, secret=SECRET)
        assert time.monotonic() - began < 1.5
        answers.set()
        time.sleep(0.1)
        assert receiver.bodies == [], "what the resolver says afterwards leads nowhere"
    assert answer == webhooks.Answer(error="The name of the host was not looked up within 5 seconds.")


def test_the_look_up_and_the_answer_share_one_limit(monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 1.0)
    real = socket.getaddrinfo

    def answer_slowly(host, *args, **options):
        if host == "name.example":
            time.sleep(0.8)
        return real("127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer_slowly)
    with running() as receiver:
        receiver.drip = True
        began = time.monotonic()
        answer = webhooks.send(f"http://name.example:{receiver.port}/", BODY, secret=SECRET)
    assert time.monotonic() - began < 1.6
    assert answer.error.startswith("No ")


def test_a_long_answer_is_kept_in_its_beginning_only_and_without_what_the_database_refuses():
    with running() as receiver:
        receiver.text, receiver.statuses = "\0" + "x" * 100_000, [500]
        answer = webhooks.send(f"http://127.0.0.1:{receiver.port}/", BODY, secret=SECRET)
    assert (answer.status, answer.text) == (500, "x" * webhooks.KEPT_LENGTH)


INTERNAL = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]",
    "[::ffff:127.0.0.1]", "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[::127.0.0.1]",
    "2130706433", "0x7f000001", "127.1", "localhost", "192.0.0.192", "168.63.129.16",
]  # fmt: skip


@pytest.mark.parametrize("host", INTERNAL)
def test_internal_addresses_however_they_are_written_are_reached_by_nothing(settings, host):
    settings.ALERT_WEBHOOK_NETWORKS = []
    with running() as receiver:
        answer = webhooks.send(f"http://{host}:{receiver.port}/", BODY, secret=SECRET)
        assert receiver.bodies == []
    assert answer.error == "This address is internal: webhooks go to the public internet only."


def test_one_internal_address_among_others_refuses_the_name(settings, monkeypatch):
    settings.ALERT_WEBHOOK_NETWORKS = []
    places = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: places)
    assert "internal" in webhooks.send("https://example.com/", BODY, secret=SECRET).error


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111"])
def test_public_addresses_are_open(settings, address):
    settings.ALERT_WEBHOOK_NETWORKS = []
    webhooks.check_address(webhooks.ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.com/", "https://", "https://me:secret@example.com/", "https://example.com:99999/", "javascript:alert(1)",
     "https://example.com/\r\nX: y", "https://example.com/a b", "https://[fe80::1%25eth0]/", "https://exa\u2028mple.com/", "//example.com"],
)  # fmt: skip
def test_what_is_no_address_is_refused_before_anything_is_asked(url):
    with pytest.raises(webhooks.WebhookError):
        webhooks.read_url(url)


def test_plain_http_is_for_development_only(settings):
    settings.DEVELOPMENT = False
    with pytest.raises(webhooks.WebhookError, match="https"):
        webhooks.read_url("http://example.com/")
    assert webhooks.read_url("https://example.com").path == "/"
