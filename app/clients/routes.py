"""`/v1/introspect`, `/v1/revoke` and `/v1/forward-auth`."""

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from app.clients.domain import (
    Client,
    InsufficientAuthentication,
    InsufficientRole,
    InvalidClient,
    MalformedForm,
    ProofTooOld,
    Requirement,
    Role,
)
from app.clients.guard import ClientCredentials, client_with
from app.clients.schemas import ActiveToken, InactiveToken
from app.clients.service import Clients
from app.http.parameters import IN_DIGITS, QueryBool, check_query
from app.http.problems import refuses
from app.http.refusals import WrongContentType
from app.http.schemas import FromRequest
from app.http.strict_json import StrictRoute
from app.kernel.network import read_address
from app.kernel.refusal import FieldError, InvalidToken, Refusal
from app.kernel.requester import NO_REQUESTER, Requester
from app.tokens.domain import Assurance, Caller
from app.tokens.guard import Guard

_LONGEST_PAIR = 512
_MOST_PAIRS = 20


def _form_with(**more: dict[str, Any]) -> dict[str, Any]:
    """The document of a form that holds a token."""
    token = {"type": "string", "examples": ["tks_…"]}
    hint = {"type": "string", "description": "Taken and not needed."}
    schema = {
        "type": "object",
        "required": ["token"],
        "properties": {"token": token, "token_type_hint": hint, **more},
    }
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


_FORM = _form_with()
_INTROSPECTION_FORM = _form_with(
    client_ip={
        "type": "string",
        "description": "Where the token came from. One that does not work from there is inactive; without it, no such "
        "list is looked at.",
        "examples": ["203.0.113.7"],
    }
)

_LONGEST_AGE = 10 * 365 * 24 * 3600
_Age = Annotated[int, Field(ge=0, le=_LONGEST_AGE), IN_DIGITS]
_PASSED: dict[int | str, dict[str, Any]] = {
    204: {
        "description": "It may pass. The headers say whose request it is.",
        "headers": {
            "X-Auth-Account-Id": {"required": True, "schema": {"type": "string", "format": "uuid"}},
            "X-Auth-Email": {"required": True, "schema": {"type": "string"}},
            "X-Auth-Acr": {"required": True, "schema": {"type": "string", "enum": ["aal1", "aal2"]}},
            "X-Auth-Amr": {"required": True, "schema": {"type": "string", "examples": ["pwd,otp,mfa"]}},
        },
    }
}


OAUTH_PATHS = frozenset({"/v1/introspect", "/v1/revoke"})
"""Their problems carry `error` as well, as RFC 6749 §5.2 wants."""


class _FormRoute(StrictRoute):
    checks_query = False


async def _read_form(request: Request) -> list[tuple[str, str]]:
    """Raises FieldError for a query, MalformedForm, WrongContentType."""
    check_query(request)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if body and content_type != "application/x-www-form-urlencoded":
        raise WrongContentType("This call takes application/x-www-form-urlencoded.")
    # A token is shorter, however it is encoded, and decoding 64 KiB takes long.
    pairs = (pair[:_LONGEST_PAIR] for pair in body.split(b"&", _MOST_PAIRS))
    try:
        return parse_qsl(b"&".join(pairs).decode(), keep_blank_values=True, max_num_fields=_MOST_PAIRS)
    except ValueError:
        raise MalformedForm from None


async def _form_token(request: Request) -> str:
    """Raises MalformedForm, WrongContentType."""
    return _token_in(await _read_form(request))


async def _introspection_form(request: Request) -> tuple[str, Requester]:
    """The token, and where its holder is as far as the form says. Raises MalformedForm, WrongContentType."""
    fields = await _read_form(request)
    token, addresses = _token_in(fields), [value for name, value in fields if name == "client_ip"]
    if not addresses:
        return token, NO_REQUESTER
    try:
        (address,) = map(read_address, addresses)
    except ValueError:
        raise MalformedForm from None
    return token, Requester(address=str(address), user_agent=None)


def _token_in(fields: Sequence[tuple[str, str]]) -> str:
    """Raises MalformedForm."""
    tokens = [value for name, value in fields if name == "token"]
    if len(tokens) != 1 or not tokens[0]:
        raise MalformedForm
    return tokens[0]


def client_routes(clients: Clients) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["For other services"], route_class=_FormRoute)
    Introspector = Annotated[Client, Depends(client_with(clients, Role.INTROSPECT))]  # noqa: N806 - a type

    @router.post(
        "/introspect",
        summary="Ask about a token (RFC 7662)",
        responses=refuses(InvalidClient, InsufficientRole, MalformedForm),
        openapi_extra=_INTROSPECTION_FORM,
    )
    async def introspect_token(credentials: ClientCredentials, request: Request) -> ActiveToken | InactiveToken:
        """Is this token alive, whose is it, how was it proved? Right at the first call after a revocation."""
        try:
            token, holder = await _introspection_form(request)
        except (FieldError, Refusal):
            # Who asks comes before what: only a client is told what is wrong with its form.
            await clients.known(credentials, Role.INTROSPECT)
            raise
        caller = await clients.introspect(credentials, token, holder)
        return ActiveToken.of(caller) if caller else InactiveToken(active=False)

    @router.post(
        "/revoke",
        summary="Revoke a token (RFC 7009)",
        responses=refuses(InvalidClient, InsufficientRole, MalformedForm),
        openapi_extra=_FORM,
    )
    async def revoke_presented_token(client: Introspector, request: Request, context: FromRequest) -> dict[str, Any]:
        """200 also for what is no live token: it is as good as revoked."""
        await clients.revoke(client, await _form_token(request), context)
        return {}

    return router


def forward_auth_routes(clients: Clients, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["For other services"], route_class=StrictRoute)
    AnyToken = Annotated[Caller, Depends(guard.any_token)]  # noqa: N806 - a type

    @router.get(
        "/forward-auth",
        status_code=204,
        summary="Let a proxy ask whether a request may pass",
        responses=refuses(InvalidToken, InsufficientAuthentication, ProofTooOld) | _PASSED,
    )
    async def forward_auth(
        caller: AnyToken,
        acr: Annotated[Assurance | None, Query()] = None,
        phishing_resistant: Annotated[
            QueryBool | None, Query(description="Only what a security key or passkey took part in.")
        ] = None,
        max_age: Annotated[_Age | None, Query(description="How many seconds ago the proof may be.")] = None,
    ) -> Response:
        """For nginx `auth_request`, Traefik and Caddy; with `acr=aal2` only a log-in with two factors passes."""
        requirement = Requirement(acr, phishing_resistant=bool(phishing_resistant), max_age=max_age)
        clients.require_proof(caller, requirement)
        headers = {
            "X-Auth-Account-Id": str(caller.account.id),
            "X-Auth-Email": caller.account.address,
            "X-Auth-Acr": caller.token.assurance.value,
            "X-Auth-Amr": ",".join(caller.token.amr),
        }
        return Response(status_code=204, headers=headers)

    return router
