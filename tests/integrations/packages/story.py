"""The Python package against a running service: python story.py ADDRESS CLIENT EMAIL PASSWORD RECOVERY_CODE.

It asks for what it can't make itself (a credential, a signed event) with a line of JSON, and reads a line. The last
line is what it saw.
"""

import asyncio
import json
import sys
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI
from twokeys_client import BadSignature, EpochCache, Introspector, LogIn, Refused, __version__, verify
from twokeys_client.fastapi import guard
from twokeys_client.wire.models import ActiveToken, TwoFactorRequired

address, client, email, password, recovery_code = sys.argv[1:]
login, cache = LogIn.at(address), EpochCache(life=3600)
twokeys = Introspector.at(address, *client.split(":"), cache=cache)
app = FastAPI()


@app.get("/any")
async def any_token(holder: Annotated[ActiveToken, Depends(guard(twokeys))]) -> str:
    return str(holder.username)


@app.get("/two", dependencies=[Depends(guard(twokeys, acr="aal2", max_age=900))])
@app.get("/key", dependencies=[Depends(guard(twokeys, phishing_resistant=True))])
async def proved() -> None: ...


@app.get("/new", dependencies=[Depends(guard(twokeys, max_age=-1))])
async def new_proof() -> None: ...


def ask(**question: Any) -> Any:
    print(json.dumps(question), flush=True)
    return json.loads(sys.stdin.readline())


async def challenge() -> str:
    answer = await login.by_password(email, password)
    assert isinstance(answer, TwoFactorRequired)
    return str(answer.challenge)


async def main() -> dict[str, Any]:
    seen: dict[str, Any] = {"version": __version__}
    try:
        await login.by_password(email, "not the password")
    except Refused as refused:
        seen["refused"] = refused.problem.code
    by_code = await login.by_code(await challenge(), recovery_code)
    second = await challenge()
    by_key = await login.by_key(second, ask(key=await login.key_options(second)))
    third, options = await login.passkey_options()
    by_passkey = await login.by_passkey(third, ask(key=options))
    seen["amr"] = [grant.token.amr for grant in (by_code, by_key, by_passkey)]

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as shop:

        async def status(path: str, token: str) -> int:
            return (await shop.get(path, headers={"Authorization": f"Bearer {token}"})).status_code

        seen["without"] = [(await shop.get("/any")).status_code, await status("/any", "nonsense")]
        for name, grant in (("code", by_code), ("key", by_key)):
            seen[name] = [await status(path, grant.access_token) for path in ("/any", "/two", "/key", "/new")]
        async with httpx.AsyncClient(base_url=address, timeout=180) as api:
            await api.post("/v1/logout", headers={"Authorization": f"Bearer {by_code.access_token}"})
        seen["kept"] = await status("/any", by_code.access_token)
        event = ask(revoked=str(by_code.token.id))
        body, headers = event["body"], event["headers"]
        try:
            verify(event["secret"], headers, body.encode() + b" ")
        except BadSignature:
            seen["forged"] = "refused"
        cache.apply(verify(event["secret"], headers, body.encode()))
        seen["dropped"] = await status("/any", by_code.access_token)
    return seen


print(json.dumps(asyncio.run(main())), flush=True)
