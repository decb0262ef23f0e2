"""What is behind each address: decide, record, answer."""

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from gateway import answers, forward, openapi, outcomes, permits, reports, sample_api, verify
from gateway.answers import Reply
from gateway.config import Config
from gateway.forward import Original
from gateway.later import Later
from gateway.ledger import Ledger
from gateway.limiter import Admission, Limiter, Meter
from gateway.passage import Answer, Passage, for_nginx
from gateway.permits import Permit
from gateway.policy import Policy
from gateway.records import Series
from gateway.redis_limiter import RedisLimiter
from gateway.reports import Desk, Sealer
from gateway.requests import BadTarget, Request, Target, find_key, new_tracking_id, read_target, sources, tracking_id
from gateway.verdict import Question, Standing, Verdict, decide

_READABLE = frozenset({b"GET", b"HEAD"})
_DRAWING_THREADS = 2
_NOSNIFF = b"X-Content-Type-Options: nosniff\r\n"


@dataclass(slots=True)
class _Call:
    """One question on its way: who asks, and what makes an answer of the verdict."""

    request: Request
    question: Question
    tracking_id: str
    finish: Callable[["_Call", Verdict, Admission | None], Answer]
    query: str = ""
    upstream: str = ""
    """Header lines for a proxy, with the address for the upstream."""


class Site:
    """Answers requests. An answer that has to wait is awaited; all others are there at once."""

    def __init__(
        self,
        config: Config,
        policy: Policy,
        ledger: Ledger,
        sealer: Sealer,
        desk: Desk,
        shared: RedisLimiter | None = None,
    ) -> None:
        """`shared` keeps the limits of several gateways; without it they are kept here."""
        self._config = config
        self._policy = policy
        self._ledger = ledger
        self._sealer = sealer
        self._desk = desk
        self._limiter = Limiter()
        self.counts = [0] * len(outcomes.ALL)
        """How many requests were decided about, by the number of the outcome."""
        self._shared = shared
        limiter = shared or self._limiter
        self.passage = Passage(policy, ledger, sealer, limiter, self.counts, self._pass_or_limit)
        self._drawing = ThreadPoolExecutor(_DRAWING_THREADS, "drawing")

    def close(self) -> None:
        """Stop the threads that draw."""
        self._drawing.shutdown(wait=False, cancel_futures=True)

    def answer(self, request: Request) -> Answer:
        """Answer one request, whatever it is."""
        if request.method == b"OPTIONS":
            return answers.preflight()
        if request.target == b"/authorize":  # most of the requests
            return self._authorize(request)
        try:
            target = read_target(request.target)
        except BadTarget as error:
            return self._bad_request(request, str(error))
        special = _SPECIAL.get(target.path)
        if special is not None:
            return special(self, request, target)
        return self._judge(self._make_call(request, target.path, target.query, self._serve))

    # Endpoints --------------------------------------------------------------------------------------------------------
    def _nothing(self, request: Request, target: Target) -> Reply:
        """Answer what browsers ask for beside every address; not counted."""
        return Reply(204, b"Cache-Control: max-age=86400\r\n")

    def _livez(self, request: Request, target: Target) -> Reply:
        return answers.text(200, b"ok\n")

    def _readyz(self, request: Request, target: Target) -> Reply:
        standing = self._policy.standing()
        if not self._policy.is_loaded or standing is Standing.NOT_READY:
            return answers.text(503, b"the keys are not loaded\n")
        if standing is Standing.FROM_MEMORY:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._policy.right_at()))
            return answers.text(200, f"degraded: the database does not answer, keys as of {at}\n".encode())
        if self._shared is not None and not self._shared.is_exact:
            return answers.text(200, b"degraded: limits are local\n")
        return answers.text(200, b"ok\n")

    def _authorize(self, request: Request, _: Target | None = None) -> Answer:
        """Decide about the request that a proxy has received and describes in headers."""
        headers = request.headers
        try:
            original = forward.read_original(headers)
        except BadTarget as error:
            return self._bad_request(request, str(error))
        string = headers.get(b"x-api-key") or find_key(headers, original.query).encode("latin-1")
        permit = self.passage.recall(string, permits.source_of(headers), original.path)
        if permit is not None:
            return self.passage.admit(request, original, permit)
        call = self._make_call(request, original.path, original.query, self._authorise)
        call.upstream = original.upstream
        return self._judge(call)

    def _pass_or_limit(self, request: Request, original: Original, permit: Permit, admission: Admission) -> Reply:
        """Answer a proxy's request that has a permit."""
        if not admission.is_admitted:
            call = self._make_call(request, original.path, original.query, self._authorise)
            return self._refuse(call, permit.verdict.limited(), admission)
        known_id = self._tracking_id(request)
        return Reply(200, self.passage.fields(request, original.upstream, known_id, permit, admission))

    def _authorize_nginx(self, request: Request, target: Target) -> Answer:
        """Decide like `_authorize`, and answer in the form that nginx's auth_request understands."""
        return for_nginx(self._authorize(request, target))

    def _verify(self, request: Request, target: Target) -> Answer:
        if request.method != b"POST":
            return self._wrong_method(request, "POST")
        try:
            batch = verify.read(request.body, request.headers.get(b"tracking-id", b""), self._config.key_prefix)
        except verify.BadBody as error:
            return self._bad_request(request, str(error))
        standing = self._policy.standing()
        if standing is None:
            return self._verify_later(request, batch)
        return self._verify_now(request, batch, standing)

    async def _verify_later(self, request: Request, batch: verify.Batch) -> Reply:
        answer = self._verify_now(request, batch, await self._policy.catch_up())
        return answer if isinstance(answer, Reply) else await answer

    def _verify_now(self, request: Request, batch: verify.Batch, standing: Standing) -> Answer:
        """Decide about all questions, then answer them together."""
        calls = [
            _Call(request, asked.question, asked.tracking_id, functools.partial(self._tell, asked))
            for asked in batch.asked
        ]
        found = [self._conclude(call, standing) for call in calls]
        replies = [answer for answer in found if isinstance(answer, Reply)]
        return verify.gather(batch, replies) if len(replies) == len(found) else self._gather_later(batch, found)

    @staticmethod
    async def _gather_later(batch: verify.Batch, found: Sequence[Answer]) -> Reply:
        return verify.gather(batch, [answer if isinstance(answer, Reply) else await answer for answer in found])

    def _report(self, request: Request, target: Target) -> Reply:
        """Take how allowed requests ended."""
        if request.method != b"POST":
            return self._wrong_method(request, "POST")
        try:
            tally = self._desk.take(reports.read_body(request.body))
        except reports.BadReports as error:
            return self._bad_request(request, str(error))
        return answers.json_of(tally)

    def _openapi(self, request: Request, target: Target) -> Reply:
        if request.method not in _READABLE:
            return self._wrong_method(request, "GET, HEAD")
        return answers.json_of(openapi.DOCUMENT)

    # Decision ---------------------------------------------------------------------------------------------------------
    def _make_call(
        self, request: Request, path: str, query: str, finish: Callable[[_Call, Verdict, Admission | None], Answer]
    ) -> _Call:
        headers = request.headers
        origin, referer = sources(headers)
        question = Question(find_key(headers, query), path, origin=origin, referer=referer)
        return _Call(request, question, self._tracking_id(request), finish, query)

    def _judge(self, call: _Call) -> Answer:
        standing = self._policy.standing()
        if standing is None:
            return self._judge_later(call)
        return self._conclude(call, standing)

    async def _judge_later(self, call: _Call) -> Reply:
        """Decide once the rules are known to be current, or known not to become so soon."""
        answer = self._conclude(call, await self._policy.catch_up())
        return answer if isinstance(answer, Reply) else await answer

    def _conclude(self, call: _Call, standing: Standing) -> Answer:
        now_ns = time.time_ns()
        verdict = decide(self._policy.rules, call.question, now_ns / 1e9, standing)
        admission = None
        if verdict.secret is not None and verdict.product is not None and verdict.outcome is outcomes.OK:
            meter = (verdict.secret.key.id, verdict.product.id)
            if self._shared is not None:
                return self._conclude_shared(self._shared, call, verdict, meter)
            admission = self._limiter.hit(
                meter, verdict.limit, now_us=time.monotonic_ns() // 1000, second=now_ns // 1_000_000_000
            )
            if not admission.is_admitted:
                verdict = verdict.limited()
        return call.finish(call, verdict, admission)

    @staticmethod
    def _conclude_shared(shared: RedisLimiter, call: _Call, verdict: Verdict, meter: Meter) -> Later:
        """Answer once the shared limit has said its word."""
        later = Later()
        shared.hit(meter, verdict.limit, functools.partial(_finish, later, call, verdict))
        return later

    # Answers ----------------------------------------------------------------------------------------------------------
    def _serve(self, call: _Call, verdict: Verdict, admission: Admission | None) -> Answer:
        """Answer an allowed request with the sample API."""
        if admission is None or not admission.is_admitted:
            return self._refuse(call, verdict, admission)
        if call.request.method not in _READABLE:
            reply = self._wrong_method(call.request, "GET, HEAD", call.tracking_id)
            return self._record(call, verdict, admission, reply)
        if sample_api.is_slow(call.question.path):
            return self._serve_slowly(call, verdict, admission)
        return self._deliver(call, verdict, admission, self._ask_sample(call))

    async def _serve_slowly(self, call: _Call, verdict: Verdict, admission: Admission) -> Reply:
        loop = asyncio.get_running_loop()
        sample = await loop.run_in_executor(self._drawing, self._ask_sample, call)
        return self._deliver(call, verdict, admission, sample)

    @staticmethod
    def _ask_sample(call: _Call) -> sample_api.Answer | None:
        if_none_match = call.request.header(b"if-none-match") or None
        return sample_api.answer(call.question.path, call.query, if_none_match)

    def _deliver(self, call: _Call, verdict: Verdict, admission: Admission, sample: sample_api.Answer | None) -> Reply:
        limits = answers.limit_fields(verdict.limit, admission)
        if sample is None:
            detail = "This sample API has nothing at that path."
            reply = answers.problem(404, "not_found", detail, call.tracking_id, fields=limits)
            return self._record(call, verdict, admission, reply)
        fields = (
            f"Content-Type: {sample.content_type}\r\nCache-Control: {sample.cache_control}\r\n"
            f"Tracking-ID: {call.tracking_id}\r\n" + (f"ETag: {sample.etag}\r\n" if sample.etag else "")
        )
        reply = Reply(sample.status, fields.encode() + _NOSNIFF + limits + answers.CORS, sample.body)
        return self._record(call, verdict, admission, reply)

    def _authorise(self, call: _Call, verdict: Verdict, admission: Admission | None) -> Reply:
        """Answer a proxy: an empty 200 with who it is, or the problem for it to pass on."""
        secret, product = verdict.secret, verdict.product
        if admission is None or not admission.is_admitted or secret is None or product is None:
            return self._refuse(call, verdict, admission)
        permit = permits.remember(self._policy.rules, call.request.headers, verdict, secret, product)
        return Reply(200, self.passage.fields(call.request, call.upstream, call.tracking_id, permit, admission))

    def _tell(self, asked: verify.Asked, call: _Call, verdict: Verdict, admission: Admission | None) -> Reply:
        """Answer one question of a backend."""
        key = verdict.key
        organization = self._policy.rules.organizations.get(key.organization_id) if key else None
        at_us = time.time_ns() // 1000
        self._note(call, verdict, admission, verdict.outcome.status, at_us)
        return verify.write(asked, verdict, admission, organization, self._seal(verdict, at_us))

    def _seal(self, verdict: Verdict, at_us: int) -> str | None:
        """Return the token by which the end of an allowed request is reported; None for a refused one."""
        secret, product = verdict.secret, verdict.product
        if verdict.outcome is not outcomes.OK or secret is None or product is None:
            return None
        key = secret.key
        return self._sealer.seal(at_us, reports.pack_place(key.organization_id, key.id, product.id, secret.number))

    def _refuse(self, call: _Call, verdict: Verdict, admission: Admission | None) -> Reply:
        reply = answers.refusal(verdict, call.tracking_id, call.question.path, admission)
        return self._record(call, verdict, admission, reply)

    def _bad_request(self, request: Request, detail: str) -> Reply:
        return answers.problem(400, "bad_request", detail, self._tracking_id(request))

    def _wrong_method(self, request: Request, allowed: str, given_id: str = "") -> Reply:
        status = HTTPStatus.METHOD_NOT_ALLOWED.value
        detail = f"This address answers {allowed} only."
        known_id = given_id or self._tracking_id(request)
        return answers.problem(status, "method_not_allowed", detail, known_id, fields=f"Allow: {allowed}\r\n".encode())

    def _tracking_id(self, request: Request) -> str:
        given = request.headers.get(b"tracking-id")
        return tracking_id(given, self._config.key_prefix) if given else new_tracking_id()

    # Journal ----------------------------------------------------------------------------------------------------------
    def _record(self, call: _Call, verdict: Verdict, admission: Admission | None, reply: Reply) -> Reply:
        """Return the reply once it is noted."""
        self._note(call, verdict, admission, reply.status, time.time_ns() // 1000)
        return reply

    def _note(self, call: _Call, verdict: Verdict, admission: Admission | None, status: int, at_us: int) -> None:
        secret, product = verdict.secret, verdict.product
        product_id = product.id if product else 0
        number = verdict.outcome.number
        self.counts[number] += 1
        if secret is None:
            group = (0, 0, 0, product_id, number, status)
        else:
            group = (secret.key.organization_id, secret.key.id, secret.number, product_id, number, status)
        demand = admission.demand if admission else 0
        self._ledger.note(Series(group), at_us, demand, call.request, verdict.host, call.tracking_id)


def _finish(later: Later, call: _Call, verdict: Verdict, admission: Admission) -> None:
    """Settle the answer of a request whose admission is known, unless its client has gone. Never raises."""
    if later.is_cancelled:
        return
    try:
        answer = call.finish(call, verdict if admission.is_admitted else verdict.limited(), admission)
    except Exception as error:
        later.settle(error)
        return
    if isinstance(answer, Reply):
        later.settle(answer)
    else:
        later.work = asyncio.ensure_future(answer)
        later.work.add_done_callback(functools.partial(_hand_on, later))


def _hand_on(later: Later, task: asyncio.Future[Reply]) -> None:
    if not task.cancelled():
        error = task.exception()
        later.settle(task.result() if error is None else cast(Exception, error))


_SPECIAL: dict[str, Callable[[Site, Request, Target], Answer]] = {
    "/favicon.ico": Site._nothing,
    "/livez": Site._livez,
    "/readyz": Site._readyz,
    "/authorize": Site._authorize,  # with a query string; without one it is found sooner
    "/authorize/nginx": Site._authorize_nginx,
    "/v1/verify": Site._verify,
    "/v1/report": Site._report,
    "/v1/openapi.json": Site._openapi,
}
