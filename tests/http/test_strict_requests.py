"""What a request may say once, and in one way: its proof, its query, its path, the ids in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.clients.domain import Role
from app.kernel.secret import SecretKind, new_secret
from app.services import Services
from tests.support.answers import has_common_headers, refused
from tests.support.people import a_client, a_session, an_account, bearer

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).resolve().parents[2]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
ID = "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6"
OTHER_SPELLINGS = [
    ID.upper(),
    ID.replace("-", ""),
    f"{{{ID}}}",
    f"urn:uuid:{ID}",
    ID.replace("0", "%30", 1),
    f"{ID}%20",
    ID + "\u200b",
    ID.replace("0199", "\u0660199"[:4]),
]


def calls(*, only: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path with an id in it, and operation, of every documented call under `/v1`."""
    for path, methods in DOCUMENT["paths"].items():
        if path.startswith("/v1/") and only in path:
            for method, operation in methods.items():
                yield method.upper(), path, operation


def with_id(path: str, id: str = ID) -> str:
    return "/".join(id if part.startswith("{") else part for part in path.split("/"))


async def proofs(api: httpx.AsyncClient, services: Services) -> dict[str, str]:
    """A whole `Authorization` header for each scheme."""
    await an_account(services)
    client = await a_client(services, Role.INTROSPECT, Role.ADMIN)
    request = next(client.auth_flow(httpx.Request("GET", "http://test")))
    return {"token": f"Bearer {await a_session(api)}", "client": request.headers["authorization"]}


def sent_twice(value: str, other: str = "Bearer x") -> list[tuple[str, str]]:
    return [("Authorization", value), ("Authorization", other)]


async def test_two_proofs_are_none_at_every_call(api: httpx.AsyncClient, services: Services) -> None:
    """Two readers may each take another of the two."""
    known = await proofs(api, services)
    for method, path, operation in calls():
        scheme = next((name for one in operation["security"] for name in one), "token")
        code = "invalid_client" if scheme == "client" else "invalid_token"
        for headers in (
            sent_twice(known[scheme]),
            sent_twice("Bearer x", known[scheme]),
            [*sent_twice(known[scheme])] * 2,
        ):
            refused(await api.request(method, with_id(path), headers=headers), 401, code)
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
        refused(await api.get(path, headers=sent_twice(known["token"])), 401, "invalid_token")


async def test_a_no_break_space_is_no_part_of_a_proof(api: httpx.AsyncClient, services: Services) -> None:
    known = await proofs(api, services)
    for padded in ("Bearer \xa0{}", "Bearer {}\xa0", "Bearer\xa0{}", "\xa0Bearer {}", "Bearer \x85{}"):
        value = padded.format(known["token"].removeprefix("Bearer ")).encode("latin-1")
        refused(await api.get("/v1/me", headers=[(b"authorization", value)]), 401, "invalid_token")
    for padded in ("Basic \xa0{}", "Basic {}\xa0"):
        value = padded.format(known["client"].removeprefix("Basic ")).encode("latin-1")
        refused(await api.get("/v1/admin/accounts", headers=[(b"authorization", value)]), 401, "invalid_client")


async def test_an_unknown_parameter_is_422_at_every_call(api: httpx.AsyncClient, services: Services) -> None:
    known = await proofs(api, services)
    for method, path, operation in calls():
        scheme = next((name for one in operation["security"] for name in one), None)
        headers = {"Authorization": known[scheme]} if scheme else {}
        for query, pointer in (("foo=1", "/foo"), ("LIMIT=1", ""), ("a%5B%5D=1", ""), ("foo", "/foo")):
            answer = await api.request(method, f"{with_id(path)}?{query}", headers=headers)
            body = refused(answer, 422, "invalid_request")
            assert body["errors"] == [{"pointer": pointer, "message": "There is no such parameter here."}]


async def test_who_asks_comes_before_what_is_wrong_with_a_query(api: httpx.AsyncClient, services: Services) -> None:
    await an_account(services)
    values = {"description": "Backup"}
    personal = (await api.post("/v1/me/tokens", json=values, headers=bearer(await a_session(api)))).json()
    nobody = httpx.BasicAuth(ID, new_secret(SecretKind.CLIENT).get_secret_value())
    for method, path, operation in calls():
        scheme = next((name for one in operation["security"] for name in one), None)
        for query in ("foo=1", "limit=1&limit=2"):
            url = f"{with_id(path)}?{query}"
            if scheme == "token":
                refused(await api.request(method, url, headers=bearer("tks_x")), 401, "invalid_token")
                answer = await api.request(method, url, headers=bearer(personal["access_token"]))
                refused(answer, 422, "invalid_request")
            elif scheme == "client":
                refused(await api.request(method, url), 401, "invalid_client")
                refused(await api.request(method, url, auth=nobody), 401, "invalid_client")


@pytest.mark.parametrize(
    "query",
    ["max_age=1.0", "max_age=%2B5", "max_age=1_000", "max_age=%D9%A5", "max_age=", "phishing_resistant=1",
     "phishing_resistant=yes", "phishing_resistant=TRUE", "phishing_resistant="],
)  # fmt: skip
async def test_a_number_and_a_truth_have_one_spelling(api: httpx.AsyncClient, services: Services, query: str) -> None:
    await an_account(services)
    answer = await api.get(f"/v1/forward-auth?{query}", headers=bearer(await a_session(api)))
    refused(answer, 422, "invalid_request")


async def test_a_repeated_parameter_is_422_at_every_call(api: httpx.AsyncClient, services: Services) -> None:
    known = await proofs(api, services)
    found = 0
    for method, path, operation in calls():
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                found += 1
                headers = {"Authorization": known[next(iter(operation["security"][0]))]}
                query = f"?{parameter['name']}=1&{parameter['name']}=1"
                body = refused(
                    await api.request(method, with_id(path) + query, headers=headers), 422, "invalid_request"
                )
                assert body["errors"][0]["pointer"] == f"/{parameter['name']}"
    assert found


@pytest.mark.parametrize(
    "query", ["ACR=aal2", "acr[]=aal2", "foo=1", "acr=aal2&acr=aal1", "acr=aal1&acr=aal2", "acr=aal2;acr=aal1",
              "acr=aal2&", "%61cr=aal2&acr=aal1", "acr%00=aal2", "acr=aal2%26", "acr=", "acr"]
)  # fmt: skip
async def test_a_slip_at_forward_auth_lets_nobody_in(api: httpx.AsyncClient, services: Services, query: str) -> None:
    """Each was answered with 204 for a session of one factor, or as if it had not been asked."""
    await an_account(services)
    answer = await api.get(f"/v1/forward-auth?{query}", headers=bearer(await a_session(api)))
    if query == "acr=aal2&":
        refused(answer, 403, "insufficient_authentication")
    else:
        refused(answer, 422, "invalid_request")


@pytest.mark.parametrize("query", ["&" * 100, "a=%41" * 4_000, "x" * 60_000])
@pytest.mark.parametrize("path", ["/healthz", "/v1/me", "/v1/config", "/nowhere"])
async def test_a_long_query_is_not_read(api: httpx.AsyncClient, path: str, query: str) -> None:
    refused(await api.get(f"{path}?{query}"), 414, "target_too_long")


async def test_an_id_has_one_spelling_in_a_path(api: httpx.AsyncClient, services: Services) -> None:
    known = await proofs(api, services)
    for method, path, operation in calls(only="{"):
        headers = {"Authorization": known[next(iter(operation["security"][0]))]}
        for spelling in OTHER_SPELLINGS:
            refused(await api.request(method, with_id(path, spelling), headers=headers), 404, "not_found")


async def test_an_account_answers_to_its_id_alone(api: httpx.AsyncClient, services: Services) -> None:
    known = await proofs(api, services)
    headers = {"Authorization": known["client"]}
    account = (await api.get("/v1/admin/accounts", headers=headers)).json()["items"][0]["id"]
    assert (await api.get(f"/v1/admin/accounts/{account}", headers=headers)).status_code == 200
    for spelling in (account.upper(), account.replace("-", ""), f"%{ord(account[0]):x}{account[1:]}"):
        refused(await api.get(f"/v1/admin/accounts/{spelling}", headers=headers), 404, "not_found")
        answer = await api.get("/v1/admin/events", params={"account_id": spelling}, headers=headers)
        refused(answer, 422, "invalid_request")


@pytest.mark.parametrize(
    "path", ["/v1/%6cogin", "/%6detrics", "/%76%31/me", "/v1/me%20", "/v1%2fme", "/console/%69ndex.html", "/%2e/v1/me"]
)
async def test_a_path_with_percent_encoding_is_404(api: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        answer = await api.request(method, path)
        assert answer.status_code == 404
        has_common_headers(answer)


async def test_head_is_answered_where_get_is(api: httpx.AsyncClient, services: Services) -> None:
    """With the same status and headers, and no body."""
    known = await proofs(api, services)
    paths = {path: methods for path, methods in DOCUMENT["paths"].items() if "{" not in path}
    for path, methods in {**paths, "/metrics": {"get": {}}, "/openapi.json": {"get": {}}}.items():
        scheme = next((name for one in methods.get("get", {}).get("security", ()) for name in one), "token")
        headers = {"Authorization": known[scheme]}
        answer = await api.head(path, headers=headers)
        assert answer.headers["x-request-id"]
        assert answer.content == b""
        if "get" in methods:
            response = await api.get(path, headers=headers)
            assert response.status_code == answer.status_code
            assert response.headers.keys() == answer.headers.keys()
        else:
            assert answer.status_code == 405


async def test_a_pointer_leads_to_a_member_of_the_body(api: httpx.AsyncClient, services: Services) -> None:
    """Nowhere else, whichever types a member may have, and once for each."""
    known = await proofs(api, services)
    for method, path, operation in calls():
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        members = DOCUMENT["components"]["schemas"][name].get("properties", {})
        # No member is a list that begins with one.
        body: dict[str, Any] = {member: [[]] for member in members}
        schemes = [scheme for one in operation.get("security", ()) for scheme in one]
        headers = {"Authorization": known[schemes[0]]} if schemes else {}
        answer = await api.request(method, with_id(path), json=body, headers=headers)
        if not members:
            continue
        pointers = [error["pointer"] for error in refused(answer, 422, "invalid_request")["errors"]]
        assert sorted({"/" + pointer.split("/")[1] for pointer in pointers}) == sorted(f"/{each}" for each in members)
        assert len(pointers) == len(set(pointers)) == len(members), (method, path, pointers)
