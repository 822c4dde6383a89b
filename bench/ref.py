"""What the machine allows: the calls as one would write them by hand, FastAPI over raw asyncpg and nothing else.

`python -m bench.ref PORT`, with the database's address in BENCH_DSN.
"""

import base64
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs
from uuid import UUID

import asyncpg
import uvicorn
from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

ENDS_AT = """least(t.expires_at, CASE WHEN t.kind = 'session'
    THEN coalesce(t.last_used_at, t.created_at) + interval '1 hour' END)"""
SUSPENDED = """(a.two_factor_policy = 'required' AND now() >= coalesce(a.two_factor_deadline, now())
    AND 'mfa' <> ALL (t.amr))"""
LIVES = f"""t.epoch = a.credential_epoch AND a.status = 'active' AND now() < coalesce({ENDS_AT}, 'infinity')
    AND NOT {SUSPENDED}"""
CHECK = f"""
SELECT t.id, t.kind, t.amr, t.created_at, t.authenticated_at, a.id AS account_id, a.address, c.roles,
    {ENDS_AT} AS ends_at
FROM clients AS c
LEFT JOIN (tokens AS t JOIN accounts AS a ON a.id = t.account_id) ON t.digest = $3 AND {LIVES}
WHERE c.id = $1 AND c.digest = $2
"""  # noqa: S608 - here and below: put together from our own words
CALLER = f"""
SELECT t.id AS token_id, t.amr, a.* FROM tokens AS t JOIN accounts AS a ON a.id = t.account_id
WHERE t.digest = $1 AND {LIVES}
"""  # noqa: S608
CALLER_WITH_SECOND_FACTOR = f"""
SELECT a.*, f.enabled_at, f.last_used_at, e.expires_at AS enrollment_expires_at, c.clears_at,
    (SELECT count(*) FROM recovery_codes AS r WHERE r.account_id = a.id) AS recovery_codes,
    (SELECT array_agg(DISTINCT d.kind) FROM authenticators AS d WHERE d.account_id = a.id) AS methods
FROM tokens AS t JOIN accounts AS a ON a.id = t.account_id
LEFT JOIN two_factor_accounts AS f ON f.account_id = a.id
LEFT JOIN authenticator_enrollments AS e ON e.account_id = a.id AND e.epoch = a.credential_epoch
LEFT JOIN two_factor_clearings AS c ON c.account_id = a.id
WHERE t.digest = $1 AND {LIVES}
"""  # noqa: S608
LIST = f"""
SELECT t.*, counts.* FROM tokens AS t JOIN accounts AS a ON a.id = t.account_id
CROSS JOIN (
    SELECT count(*) FILTER (WHERE t.kind = 'session') AS sessions,
        count(*) FILTER (WHERE t.kind = 'personal') AS personal_tokens
    FROM tokens AS t JOIN accounts AS a ON a.id = t.account_id WHERE t.account_id = $1 AND {LIVES}) AS counts
WHERE t.account_id = $1 AND {LIVES} AND ($2::text IS NULL OR t.kind = $2) AND ($3::uuid IS NULL OR t.id < $3)
ORDER BY t.id DESC LIMIT $4 + 1
"""  # noqa: S608
Kind = Literal["session", "personal"]
Limit = Annotated[int, Query(ge=1, le=200)]
DEAD = JSONResponse({"code": "invalid_token"}, 401)


def digest_of(request: Request) -> bytes:
    return hashlib.sha256(request.headers["authorization"][7:].encode()).digest()


def time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def two_factor(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "status": "enabled" if row["enabled_at"] else "pending" if row["enrollment_expires_at"] else "disabled",
        "enabled_at": time(row["enabled_at"]),
        "last_used_at": time(row["last_used_at"]),
        "enrollment_expires_at": time(row["enrollment_expires_at"]),
        "recovery_codes_remaining": row["recovery_codes"],
        "methods": row["methods"] or [],
        "clears_at": time(row["clears_at"]),
        "required": row["two_factor_policy"] == "required",
        "required_from": time(row["two_factor_deadline"]),
    }


def account(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "email": row["address"],
        "created_at": time(row["created_at"]),
        "status": row["status"],
        "external_id": row["external_id"],
        "email_verified_at": time(row["email_verified_at"]),
        "pending_email": row["pending_address"],
        "last_login_at": time(row["last_login_at"]),
        "locale": row["locale"],
        "two_factor": two_factor(row),
    }


def token(row: asyncpg.Record, current: UUID) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "kind": row["kind"],
        "description": row["description"],
        "created_at": time(row["created_at"]),
        "expires_at": time(row["expires_at"]),
        "last_used_at": time(row["last_used_at"]),
        "last_used_ip": row["last_used_ip"],
        "last_used_user_agent": row["last_used_user_agent"],
        "user_agent": row["user_agent"],
        "extend_when_used": row["extend_when_used"],
        "scopes": row["scopes"],
        "ip_allowlist": row["ip_allowlist"],
        "amr": row["amr"],
        "current": row["id"] == current,
    }


def make(dsn: str) -> FastAPI:  # noqa: C901 - a handler for each call
    pool: asyncpg.Pool

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal pool
        async with asyncpg.create_pool(dsn, min_size=10, max_size=10) as pool:
            yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/v1/introspect")
    async def introspect(request: Request) -> JSONResponse:
        id, _, secret = base64.b64decode(request.headers["authorization"][6:]).decode().partition(":")
        token = parse_qs((await request.body()).decode())["token"][0]
        digests = hashlib.sha256(secret.encode()).digest(), hashlib.sha256(token.encode()).digest()
        row = await pool.fetchrow(CHECK, UUID(id), *digests)
        if row is None or "introspect" not in row["roles"]:
            return JSONResponse({"error": "invalid_client"}, 401)
        if row["id"] is None:
            return JSONResponse({"active": False})
        return JSONResponse(
            {
                "active": True,
                "sub": str(row["account_id"]),
                "username": row["address"],
                "token_type": "Bearer",
                "iat": int(row["created_at"].timestamp()),
                "exp": int(row["ends_at"].timestamp()),
                "auth_time": int(row["authenticated_at"].timestamp()),
                "jti": str(row["id"]),
                "amr": row["amr"],
                "acr": "aal2" if "mfa" in row["amr"] else "aal1",
                "kind": row["kind"],
            }
        )

    @app.get("/v1/forward-auth")
    async def forward_auth(request: Request) -> Response:
        row = await pool.fetchrow(CALLER, digest_of(request))
        if row is None:
            return DEAD
        acr, amr = "aal2" if "mfa" in row["amr"] else "aal1", ",".join(row["amr"])
        headers = {"X-Auth-Account-Id": str(row["id"]), "X-Auth-Email": row["address"]}
        return Response(status_code=204, headers=headers | {"X-Auth-Acr": acr, "X-Auth-Amr": amr})

    @app.get("/v1/me")
    async def get_me(request: Request) -> JSONResponse:
        row = await pool.fetchrow(CALLER_WITH_SECOND_FACTOR, digest_of(request))
        return JSONResponse(account(row)) if row else DEAD

    @app.get("/v1/me/2fa")
    async def get_two_factor(request: Request) -> JSONResponse:
        row = await pool.fetchrow(CALLER_WITH_SECOND_FACTOR, digest_of(request))
        return JSONResponse(two_factor(row)) if row else DEAD

    @app.get("/v1/me/tokens")
    async def list_tokens(
        request: Request, kind: Kind | None = None, cursor: UUID | None = None, limit: Limit = 50
    ) -> JSONResponse:
        async with pool.acquire() as connection:
            caller = await connection.fetchrow(CALLER, digest_of(request))
            if caller is None:
                return DEAD
            rows = await connection.fetch(LIST, caller["id"], kind, cursor, limit)
        items = [token(row, caller["token_id"]) for row in rows[:limit]]
        counts = {"sessions": rows[0]["sessions"], "personal_tokens": rows[0]["personal_tokens"]}
        current = next((item for item in items if item["current"]), None)
        next_cursor = items[-1]["id"] if len(rows) > limit else None
        return JSONResponse({"items": items, "next_cursor": next_cursor, "counts": counts, "current": current})

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app


if __name__ == "__main__":
    uvicorn.run(make(os.environ["BENCH_DSN"]), port=int(sys.argv[1]), access_log=False, log_level="warning")
