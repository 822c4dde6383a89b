"""`/v1/admin/imports`, for clients with the role `import`."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from app.admin.routes import operator_with
from app.clients.domain import InsufficientRole, InvalidClient, Role
from app.clients.service import Clients
from app.http.ndjson import NDJSON, write_line
from app.http.parameters import QueryBool
from app.http.problems import refuses
from app.http.refusals import BodyTooLarge, MalformedHttp, TooSlow, WrongContentType
from app.http.strict_json import StrictRoute
from app.imports.domain import Outcome, Totals
from app.imports.schemas import ANSWERS_LINES, TAKES_LINES, ImportStatus
from app.imports.service import Import, Imports
from app.kernel.refusal import FieldError, Unavailable
from app.kernel.request_context import RequestContext

PATH = "/v1/admin/imports"
_LARGEST_BODY = 4 * 1024 * 1024
_BODY_SECONDS = 60.0
_MOST_LINES = 1000
_LINES_AT_ONCE = 100
_CLIENT = (InvalidClient, InsufficientRole)
_Lines = Sequence[tuple[int, bytes]]


class ImportTooLarge(BodyTooLarge):
    title = "The body is over 4 MiB."


def import_routes(imports: Imports, clients: Clients) -> APIRouter:
    router = APIRouter(tags=["Administration"], route_class=StrictRoute)
    Importer = Annotated[RequestContext, Depends(operator_with(clients, Role.IMPORT))]  # noqa: N806 - a type

    @router.post(
        PATH,
        summary="Import accounts",
        response_class=StreamingResponse,
        responses=ANSWERS_LINES | refuses(*_CLIENT, ImportTooLarge, TooSlow, WrongContentType),
        openapi_extra=TAKES_LINES,
    )
    async def import_accounts(
        by: Importer,
        request: Request,
        *,
        dry_run: Annotated[QueryBool, Query(description="Say what each line would do, and do nothing.")] = False,
    ) -> StreamingResponse:
        """Lines of JSON in, a result for each line out. A bad line harms no other, and nobody is mailed."""
        batches = _batches(_split(await _read_body(request)))
        running = imports.begin(by, dry_run=dry_run)
        # The first batch comes before the status, so that a database that is away is a 503.
        first = await running.take(next(batches, []))
        return StreamingResponse(_answer(running, first, batches), media_type=NDJSON)

    @router.get(f"{PATH}/status", summary="See how far an import has come", responses=refuses(*_CLIENT))
    async def get_import_status(_: Importer) -> ImportStatus:
        return ImportStatus.of(await imports.status())

    return router


async def _read_body(request: Request) -> bytes:
    """Raises WrongContentType, ImportTooLarge, TooSlow, MalformedHttp."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != NDJSON:
        raise WrongContentType(f"This call takes {NDJSON}.")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    raise ImportTooLarge
    except TimeoutError:
        raise TooSlow from None
    except ClientDisconnect:
        raise MalformedHttp from None
    return bytes(body)


def _split(body: bytes) -> _Lines:
    """Raises FieldError for too many."""
    lines = body.removesuffix(b"\n").split(b"\n", _MOST_LINES) if body else []
    if len(lines) > _MOST_LINES:
        raise FieldError("", "At most 1,000 lines are taken at once.")
    return list(enumerate(lines, 1))


def _batches(lines: _Lines) -> Iterator[_Lines]:
    for start in range(0, len(lines), _LINES_AT_ONCE):
        yield lines[start : start + _LINES_AT_ONCE]


async def _answer(running: Import, first: Sequence[Outcome], rest: Iterator[_Lines]) -> AsyncIterator[bytes]:
    totals = Totals()
    outcomes = first
    while True:
        totals.add(outcomes)
        yield b"".join(write_line(outcome.as_json()) for outcome in outcomes)
        batch = next(rest, None)
        if batch is None:
            break
        outcomes = await _take(running, batch)
    yield write_line(totals.as_json())


async def _take(running: Import, batch: _Lines) -> Sequence[Outcome]:
    try:
        return await running.take(batch)
    except Unavailable:
        return [Outcome.unavailable(number) for number, _ in batch]
