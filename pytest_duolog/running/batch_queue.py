"""Asks models through batch APIs: collects requests, sends them together, and answers them when their batches are over.

A dialogue that asks is told to come again (`RequestPending`); `submit_and_wait` sends what was collected and waits;
then the same dialogue runs again, and gets its answer as from a provider that answers at once. So answers are read,
redacted and recorded as all others are. A request is known by the name of its recording and by its content, in
every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple
from urllib.parse import urlsplit

from pytest_duolog.display import counted
from pytest_duolog.endpoints.batches import (
    BatchApi,
    BatchRequest,
    BatchState,
    Made,
    Results,
    batches_in,
    read_results,
)
from pytest_duolog.endpoints.line import HttpAnswer, HttpQuestion
from pytest_duolog.endpoints.patience import Patience
from pytest_duolog.errors import DuologError, EndpointError
from pytest_duolog.genuine import CLOCK
from pytest_duolog.running.open_batches import OpenBatch, OpenBatches

# The waits between two looks at the open batches.
FIRST_WAIT_S = 2.0
WAIT_GROWS = 1.5
LONGEST_WAIT_S = 60.0
# So often a batch is spoken of whose status stays the same.
TELL_AGAIN_S = 300.0
# Statuses with which a provider says that it made no batch.
TOO_MANY = 429


class RequestPending(EndpointError):
    """The request waits for its batch."""


class BatchesPending(DuologError):
    """The time to wait is over, and batches are not; or the provider says no more of one. All that is known is kept."""


class _Request(NamedTuple):
    """A request of a dialogue."""

    id: str
    question: HttpQuestion
    content: bytes

    @property
    def place(self) -> tuple[str, str, str, tuple[tuple[str, str], ...]]:
        """What all requests of a batch have in common: the provider, the path, the model and the headers."""
        parts = urlsplit(self.question.url)
        return parts.netloc, parts.path, self.question.model, tuple(sorted(self.question.headers.items()))


@dataclass
class BatchQueue:
    """The requests of one run. `send` sends a request to a provider, once, with a limit for its answer in bytes.

    `api_of` makes the batch API of a provider, with the headers of its requests. `tell` hears what happens to batches,
    for people. The run waits until `ends_at_s`, of the clock. `n_answers` requests have their answers. Other runs
    cannot use `open_batches` until it is closed.
    """

    send: Callable[[HttpQuestion, int], Awaitable[HttpAnswer]]
    api_of: Callable[[str, Mapping[str, str]], BatchApi]
    open_batches: OpenBatches
    patience: Patience
    ends_at_s: float
    tell: Callable[[str], None]
    sleep: Callable[[float], Awaitable[None]]
    n_answers: int = 0
    _pending: dict[str, _Request] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    _answers: dict[str, HttpAnswer | str] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _over: list[OpenBatch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open = {batch.name: batch for batch in self.open_batches.read()}
        self._paid = {name.partition("-")[0] for name in self._batches()}

    def line(self, recording: str) -> QueuedLine:
        """The line of the dialogue with this recording."""
        return QueuedLine(self, _dialogue(recording))

    def is_paid(self, recording: str) -> bool:
        """Whether the answers of a dialogue are in a batch already: asking for them costs nothing more."""
        return _dialogue(recording) in self._paid

    def is_pending(self, recording: str) -> bool:
        """Whether a dialogue has asked and waits for its answer."""
        return _dialogue(recording) in self._waiting

    def has_refused(self, recording: str) -> bool:
        """Whether a dialogue got an answer that it cannot use; a new batch may have another one."""
        return _dialogue(recording) in self._refused

    @property
    def n_new(self) -> int:
        """How many requests wait that are in no batch yet."""
        return len(self._pending.keys() - self._batches().keys())

    def answer(self, dialogue: str, question: HttpQuestion) -> HttpAnswer:
        """The answer to a request; raises RequestPending if it must wait, EndpointError if there is no usable one."""
        content = question.content()
        headers = repr(sorted(question.headers.items())).encode()
        name = f"{dialogue}-{_hash(question.url.encode(), headers, content)[:32]}"
        answer = self._answers.get(name)
        if answer is None:
            self._pending[name] = _Request(name, question, content)
            self._waiting.add(dialogue)
            raise RequestPending("the request waits for its batch")
        self._refused.add(dialogue)
        if isinstance(answer, str):
            raise EndpointError(answer, model=question.model)
        question.read(answer)
        self._refused.discard(dialogue)
        self.n_answers += 1
        return answer

    async def submit_and_wait(self) -> None:
        """Send what was collected, and wait for the answers to all of it.

        Raises BatchesPending if the time is over before, EndpointError if a provider refuses a batch, and OSError if a
        batch cannot be kept on disk.
        """
        await self._find_lost()
        inside = self._batches()
        wanted = {inside[name].name: name for name in self._pending if name in inside}
        waiting = {name: self._api(self._pending[asked]) for name, asked in wanted.items()}
        for name in waiting:
            self.tell(f"{self._open[name].label}: the run continues to wait for it")
        groups: dict[object, list[_Request]] = {}
        for asked in self._pending.values():
            if asked.id not in inside:
                groups.setdefault(asked.place, []).append(asked)
        for group in groups.values():
            api = self._api(group[0])
            for part in self._parts(api, group):
                waiting[await self._make(api, part)] = api
        await self._wait(waiting)
        self._pending.clear()
        self._waiting.clear()

    def forget_read(self) -> None:
        """Forget the batches that were read to the end, because all their answers are recorded, or were refused."""
        for batch in self._over:
            self._forget(batch)
        self._over.clear()

    def _batches(self) -> dict[str, OpenBatch]:
        """The open batch of each request that is in one."""
        return {name: batch for batch in self._open.values() for name in batch.requests}

    def _api(self, asked: _Request) -> BatchApi:
        provider, _, _, headers = asked.place
        kept = {name: value for name, value in headers if name.lower() not in ("accept", "content-type")}
        return self.api_of(provider, kept)

    # Making batches

    def _parts(self, api: BatchApi, group: Sequence[_Request]) -> Iterator[list[_Request]]:
        """The requests in batches within the limits; one that alone is too large has its answer at once."""
        part: list[_Request] = []
        room = api.most_bytes
        for asked in group:
            size = len(api.entry(_request(asked))) + 1
            if size > api.most_bytes:
                self._answers[asked.id] = f"the request is too large for a batch of {api.provider}"
                continue
            if part and (size > room or len(part) == api.most_requests):
                yield part
                part, room = [], api.most_bytes
            part.append(asked)
            room -= size
        if part:
            yield part

    async def _make(self, api: BatchApi, part: Sequence[_Request]) -> str:
        """Make a batch, and return the name of its file. It is made once, however often that seems to fail."""
        entries = [api.entry(_request(asked)) for asked in part]
        path, model = part[0].place[1:3]
        question, upload = api.upload(entries), ""
        if question is not None:
            upload = api.id_in(api.body_of(await self._asked(api, question)))
        before = tuple(str(one["id"]) for one in await self._listed(api)) if api.looks_before else ()
        batch = OpenBatch(
            provider=api.provider, upload=upload, before=before, requests=tuple(asked.id for asked in part)
        )
        self._keep(batch)
        batch = self._keep(batch.model_copy(update={"id": await self._made(api, batch, entries, path)}))
        self._paid.update(asked.id.partition("-")[0] for asked in part)
        self.tell(f"{batch.label}: {counted(len(part), 'request')} for {model}")
        return batch.name

    async def _made(self, api: BatchApi, batch: OpenBatch, entries: Sequence[bytes], path: str) -> str:
        for n_tries in count(1):
            try:
                return api.id_in(await self._once(api, api.creation(entries, path, batch.upload)))
            except EndpointError as error:
                if not error.is_passing:  # nothing was made
                    self._forget(batch)
                    raise
                if error.status != TOO_MANY and (found := await self._found(api, batch)):
                    return found
                if not await self._may_try_again(n_tries, error):
                    if error.status == TOO_MANY:
                        self._forget(batch)
                    raise
        raise AssertionError("the counter has no end")

    async def _find_lost(self) -> None:
        """Find the batches whose id never arrived; one that was not made is forgotten."""
        for batch in [batch for batch in self._open.values() if not batch.id]:
            asked = next((self._pending[name] for name in batch.requests if name in self._pending), None)
            if asked is None:
                continue
            if found := await self._found(self._api(asked), batch):
                self._keep(batch.model_copy(update={"id": found}))
            else:
                self._forget(batch)

    async def _found(self, api: BatchApi, batch: OpenBatch) -> str:
        """The id of a batch that was perhaps made; empty if it is not there."""
        made = Made(batch.upload, batch.before, len(batch.requests))
        found = [str(one["id"]) for one in await self._listed(api) if api.is_made(one, made)]
        others = {other.id for other in self._open.values()}
        return next((name for name in reversed(found) if name not in others), "")

    async def _listed(self, api: BatchApi) -> Sequence[Mapping[str, object]]:
        return list(batches_in(api.body_of(await self._asked(api, api.listing()))))

    def _keep(self, batch: OpenBatch) -> OpenBatch:
        self.open_batches.write(batch)
        self._open[batch.name] = batch
        return batch

    def _forget(self, batch: OpenBatch) -> None:
        self.open_batches.remove(batch)
        del self._open[batch.name]

    # Waiting for them

    async def _wait(self, waiting: dict[str, BatchApi]) -> None:
        wait_s = FIRST_WAIT_S
        told: dict[str, tuple[str, float]] = {}
        while True:
            for name, api in list(waiting.items()):
                if await self._look(api, self._open[name], told):
                    del waiting[name]
            left_s = self.ends_at_s - CLOCK.seconds()
            if not waiting:
                return
            if left_s <= 0:
                labels = ", ".join(self._open[name].label for name in waiting)
                raise BatchesPending(f"the time to wait is over, and these are not answered: {labels}")
            await self.sleep(min(wait_s, left_s))
            wait_s = min(wait_s * WAIT_GROWS, LONGEST_WAIT_S)

    async def _look(self, api: BatchApi, batch: OpenBatch, told: dict[str, tuple[str, float]]) -> bool:
        """Whether a batch is over; then its answers are here."""
        try:
            state = api.state(await self._once(api, api.status(batch.id)))
            words = f"{state.status}, {state.n_answered} of {state.n_requests} answered"
            results = await self._read(api, batch, state) if state.is_over else None
        except EndpointError as error:
            if not error.is_passing:
                raise BatchesPending(
                    f"{batch.label} cannot be read: {error.problem}; without {self.open_batches.path(batch)}, its "
                    f"{counted(len(batch.requests), 'request')} are made again"
                ) from None
            words, results = f"not heard of: {error.problem}", None
        if results is not None:
            self._take(api, batch, state, results)
            return True
        said, at_s = told.get(batch.name, ("", 0.0))
        now_s = CLOCK.seconds()
        if said.partition(",")[0] != words.partition(",")[0] or (
            said != words and now_s - at_s >= TELL_AGAIN_S
        ):
            self.tell(f"{batch.label}: {words}")
            told[batch.name] = words, now_s
        return False

    async def _read(self, api: BatchApi, batch: OpenBatch, state: BatchState) -> Results:
        limit = self.patience.largest_reply_bytes * len(batch.requests)
        read = [await self._asked(api, api.results(path), limit=limit) for path in state.results]
        return read_results([answered.content for answered in read])

    def _take(self, api: BatchApi, batch: OpenBatch, state: BatchState, results: Results) -> None:
        """Keep the answers of a batch that is over, and say what is wrong with them."""
        n_answered = 0
        for name in batch.requests:
            line = results.lines.get(name)
            why = state.problem or f"{state.status}, without an answer"
            answer = why if line is None else api.outcome(line)
            n_answered += isinstance(answer, HttpAnswer)
            self._answers[name] = f"{batch.label}: {answer}" if isinstance(answer, str) else answer
        n_foreign = len(results.lines.keys() - set(batch.requests))
        notes = [
            f"{counted(results.n_damaged, 'line')} cannot be read" if results.n_damaged else "",
            f"{counted(results.n_twice, 'line')} had the id of another one, and the first counts"
            if results.n_twice
            else "",
            f"{counted(n_foreign, 'answer')} to what was not asked" if n_foreign else "",
        ]
        words = [
            f"{state.status}, {n_answered} of {counted(len(batch.requests), 'request')} answered",
            *filter(None, notes),
        ]
        self.tell(f"{batch.label}: {'; '.join(words)}")
        n_unread = state.n_answered - len(results.lines) if not state.problem else 0
        if (results.n_damaged or n_unread > 0) and n_answered < len(batch.requests):
            self.tell(
                f"{batch.label}: the next run reads it again; without {self.open_batches.path(batch)}, what is "
                "missing is asked again"
            )
        else:
            self._over.append(batch)

    # Asking a provider

    async def _once(self, api: BatchApi, question: HttpQuestion) -> dict[str, object]:
        """The JSON object in the answer to one try."""
        return api.body_of(await self.send(question, self.patience.largest_reply_bytes))

    async def _asked(self, api: BatchApi, question: HttpQuestion, *, limit: int = 0) -> HttpAnswer:
        """The answer to a request that may be made again. Raises EndpointError after the last try."""
        for n_tries in count(1):
            try:
                answered = await self.send(question, limit or self.patience.largest_reply_bytes)
                if answered.status_code >= 300 or not limit:
                    api.body_of(answered)
            except EndpointError as error:
                if not (error.is_passing and await self._may_try_again(n_tries, error)):
                    raise
            else:
                return answered
        raise AssertionError("the counter has no end")

    async def _may_try_again(self, n_tries: int, error: EndpointError) -> bool:
        """Wait for the next try; False if there is none."""
        wait_s = self.patience.wait_s(n_tries, error)
        if n_tries >= self.patience.tries or wait_s > self.patience.longest_wait_s:
            return False
        await self.sleep(wait_s)
        return True

    def close(self) -> None:
        """Let other runs use the batches."""
        with suppress(OSError):
            self.open_batches.close()


@dataclass(frozen=True)
class QueuedLine:
    """The line of one dialogue."""

    queue: BatchQueue
    dialogue: str

    def post(self, question: HttpQuestion) -> HttpAnswer:
        """The answer; raises what `BatchQueue.answer` raises."""
        return self.queue.answer(self.dialogue, question)


def _request(asked: _Request) -> BatchRequest:
    return BatchRequest(asked.id, asked.place[1], asked.content)


def _dialogue(recording: str) -> str:
    """A dialogue in the ids of its requests."""
    return _hash(recording.encode())[:16]


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
