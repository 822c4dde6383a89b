"""`/v1/admin`, for clients with the role `admin`, or the role that a call names."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.accounts.domain import AddressTaken, Status, WeakPassword
from app.admin.domain import AccountFilter
from app.admin.schemas import EVENT_LINES, AnyAccount, AnyEvent, ChangeAccount, Coverage, CreateAccount, show_account
from app.admin.service import Admin
from app.audit.domain import Event, EventFilter, EventType
from app.authentication.domain import TwoFactorStatus
from app.clients.domain import Client, InsufficientRole, InvalidClient, Role
from app.clients.guard import client_with
from app.clients.service import Clients
from app.http.ndjson import NDJSON, accepts, write_line
from app.http.pages import Page, PageParams
from app.http.problems import refuses
from app.http.schemas import AddressIn, FromRequest, IdIn, TimestampIn
from app.http.strict_json import StrictRoute
from app.kernel.refusal import NotFound, Overloaded
from app.kernel.request_context import RequestContext

_Dependency = Callable[..., Awaitable[RequestContext]]
CLIENT = (InvalidClient, InsufficientRole)
_AGE: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Age": {
                "description": "How many seconds ago it was counted.",
                "required": True,
                "schema": {"type": "integer", "minimum": 0},
            }
        }
    }
}


def operator_with(clients: Clients, role: Role) -> _Dependency:
    """A dependency that lets in clients that may do what this role may. Raises InvalidClient, InsufficientRole."""
    known_client = client_with(clients, role)

    async def operator(client: Annotated[Client, Depends(known_client)], context: FromRequest) -> RequestContext:
        return replace(context, client_id=str(client.id))

    return operator


def account_routes(admin: Admin, clients: Clients) -> APIRouter:
    """Accounts as things: make, list, see, change, delete."""
    router = APIRouter(prefix="/v1/admin", tags=["Administration"], route_class=StrictRoute)
    Reader = Annotated[RequestContext, Depends(operator_with(clients, Role.ACCOUNTS_READ))]  # noqa: N806 - a type
    By = Annotated[RequestContext, Depends(operator_with(clients, Role.ACCOUNTS_WRITE))]  # noqa: N806 - a type

    @router.post(
        "/accounts",
        status_code=201,
        summary="Create an account",
        responses=refuses(*CLIENT, AddressTaken, WeakPassword, Overloaded),
    )
    async def create_account(by: By, body: CreateAccount) -> AnyAccount:
        """Without a password the person gets a mail with a link to set one."""
        return show_account(await admin.create(body.email, body.password, by, locale=body.locale))

    @router.get("/accounts", summary="List accounts", responses=refuses(*CLIENT))
    async def list_accounts(
        _: Reader,
        page: PageParams,
        email: Annotated[AddressIn | None, Query(description="Only the account with this address.")] = None,
        external_id: Annotated[
            str | None, Query(max_length=255, description="Only the account that another system calls this.")
        ] = None,
        email_prefix: Annotated[
            str | None, Query(min_length=1, max_length=254, description="Only addresses that begin so.")
        ] = None,
        status: Annotated[Status | None, Query()] = None,
        two_factor: Annotated[TwoFactorStatus | None, Query()] = None,
        created_after: Annotated[TimestampIn | None, Query(examples=["2026-01-31T00:00:00Z"])] = None,
        created_before: Annotated[TimestampIn | None, Query(examples=["2026-12-31T00:00:00Z"])] = None,
        policy: Annotated[
            Literal["overdue"] | None, Query(description="Only those that must have two-factor authentication by now.")
        ] = None,
    ) -> Page[AnyAccount]:
        """Newest first; all of what is given must fit."""
        wanted = AccountFilter(
            email=email,
            email_prefix=email_prefix,
            external_id=external_id,
            status=status,
            two_factor=two_factor,
            created_after=created_after,
            created_before=created_before,
            overdue=policy is not None,
        )
        found = await admin.page(wanted, after=page.after, limit=page.limit)
        return Page[AnyAccount].of(page, found, show_account)

    @router.get(
        "/two-factor/coverage", summary="Count who has two-factor authentication", responses=_AGE | refuses(*CLIENT)
    )
    async def get_coverage(by: Reader, response: Response) -> Coverage:
        """Of active accounts. Where there are over 100,000 accounts, the count is some minutes old."""
        count = await admin.coverage.latest()
        response.headers["Age"] = str(int(count.age(by.at).total_seconds()))
        return Coverage.of(count.coverage)

    @router.get("/accounts/{id}", summary="See an account", responses=refuses(*CLIENT, NotFound))
    async def get_account(_: Reader, id: UUID) -> AnyAccount:
        return show_account(await admin.account(id))

    @router.patch("/accounts/{id}", summary="Change an account", responses=refuses(*CLIENT, NotFound, AddressTaken))
    async def change_account(by: By, id: UUID, body: ChangeAccount) -> AnyAccount:
        """Disabling ends everything that the account had, and so does another address, of which both mailboxes hear.

        Asking for what is so already changes nothing.

        A policy that requires two-factor authentication suspends the tokens of an account that is overdue, and an
        exemption brings them back.
        """
        return show_account(await admin.change(id, body.wanted(), by))

    @router.delete("/accounts/{id}", status_code=204, summary="Delete an account", responses=refuses(*CLIENT, NotFound))
    async def delete_account(by: By, id: UUID) -> None:
        """Everything about the person is gone; its events keep the id and nothing personal."""
        await admin.delete(id, by)

    return router


def event_routes(admin: Admin, clients: Clients) -> APIRouter:
    """What happened."""
    router = APIRouter(prefix="/v1/admin", tags=["Administration"], route_class=StrictRoute)
    Auditor = Annotated[RequestContext, Depends(operator_with(clients, Role.EVENTS_READ))]  # noqa: N806 - a type

    @router.get(
        "/events",
        summary="List what happened",
        response_model=Page[AnyEvent],
        responses=EVENT_LINES | refuses(*CLIENT),
    )
    async def list_all_events(
        _: Auditor,
        page: PageParams,
        request: Request,
        account_id: Annotated[IdIn | None, Query()] = None,
        type: Annotated[EventType | None, Query()] = None,
        since: Annotated[
            TimestampIn | None,
            Query(alias="from", description="Only from this time on.", examples=["2026-01-31T00:00:00Z"]),
        ] = None,
        before: Annotated[
            TimestampIn | None,
            Query(alias="to", description="Only before this time.", examples=["2026-12-31T00:00:00Z"]),
        ] = None,
    ) -> Any:
        """Newest first. With `Accept: application/x-ndjson` all of them, oldest first, one a line and without pages."""
        wanted = EventFilter(account_id, type, since, before)
        if not accepts(request, NDJSON):
            found = await admin.events(wanted, after=page.after, limit=page.limit)
            return Page[AnyEvent].of(page, found, AnyEvent.of)
        batches = admin.stream_events(wanted)
        # The first batch comes before the status, so that a database that is away is a 503.
        return StreamingResponse(_lines(await anext(batches), batches), media_type=NDJSON)

    return router


async def _lines(first: Sequence[Event], rest: AsyncIterator[Sequence[Event]]) -> AsyncIterator[bytes]:
    batch: Sequence[Event] | None = first
    while batch is not None:
        yield b"".join(write_line(AnyEvent.of(event).model_dump(mode="json")) for event in batch)
        batch = await anext(rest, None)
