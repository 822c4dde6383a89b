"""What the machine allows: the token check as one would write it by hand, FastAPI over raw asyncpg and nothing else.

`python -m bench.ref PORT`, with the database's address in BENCH_DSN.
"""

import base64
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs
from uuid import UUID

import asyncpg
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

CHECK = """
SELECT t.id, t.kind, t.amr, t.created_at, t.authenticated_at, a.id AS account_id, a.address, c.roles,
    least(t.expires_at, CASE WHEN t.kind = 'session'
        THEN coalesce(t.last_used_at, t.created_at) + interval '1 hour' END) AS ends_at
FROM clients AS c
LEFT JOIN (tokens AS t JOIN accounts AS a ON a.id = t.account_id) ON t.digest = $3
    AND t.epoch = a.credential_epoch AND a.status = 'active'
    AND now() < coalesce(least(t.expires_at, CASE WHEN t.kind = 'session'
        THEN coalesce(t.last_used_at, t.created_at) + interval '1 hour' END), 'infinity')
WHERE c.id = $1 AND c.digest = $2
"""


def make(dsn: str) -> FastAPI:
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

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app


if __name__ == "__main__":
    uvicorn.run(make(os.environ["BENCH_DSN"]), port=int(sys.argv[1]), access_log=False, log_level="warning")
