"""The OpenAPI document: fresh, valid, whole enough for generators, and breaking nobody in silence."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from app.http.openapi import VERSION
from app.main import create_app
from app.settings import Settings
from tests.integrations.wire_changes import breaking_changes
from tests.support.answers import refused
from tests.support.documented import must_be_documented

OPENAPI = Path(__file__).resolve().parents[2] / "openapi"
DOCUMENT: dict[str, Any] = json.loads((OPENAPI / "openapi.json").read_text(encoding="utf-8"))
RELEASED = sorted((OPENAPI / "released").glob("*.json"), key=lambda file: [int(part) for part in file.stem.split(".")])
JSON, PROBLEM, FORM = "application/json", "application/problem+json", "application/x-www-form-urlencoded"
SCHEMAS = DOCUMENT["components"]["schemas"]


def operations(document: dict[str, Any] = DOCUMENT) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def must_fit(value: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    errors = [error.message for error in OAS31Validator(whole).iter_errors(value)]
    assert not errors


def test_the_committed_document_is_what_the_code_says(settings: Settings) -> None:
    result = json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"
    assert (OPENAPI / "openapi.json").read_text(encoding="utf-8") == result, "run `make openapi`"


@pytest.mark.anyio
async def test_the_served_document_is_the_committed_one(api: httpx.AsyncClient) -> None:
    assert (await api.get("/openapi.json")).json() == DOCUMENT


@pytest.mark.anyio
async def test_another_method_is_told_which_ones_there_are(api: httpx.AsyncClient) -> None:
    for path, methods in DOCUMENT["paths"].items():
        answer = await api.put(re.sub(r"\{\w+\}", "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6", path))
        refused(answer, 405, "method_not_allowed")
        # To the router, `revoke-all` and `revoke` may be ids as well.
        extra = {"DELETE", "PATCH"} if path == "/v1/me/tokens/revoke-all" else set()
        extra |= {"DELETE"} if path == "/v1/admin/accounts/{id}/tokens/revoke" else set()
        extra |= {"HEAD"} if "get" in methods else set()
        assert answer.headers["allow"] == ", ".join(sorted({method.upper() for method in methods} | extra)), path


def test_it_is_valid_openapi() -> None:
    validate(DOCUMENT)


def test_every_operation_has_an_id_that_makes_a_good_method_name() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert len(ids) == len(set(ids))
    for id in ids:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", id)
        assert not re.search(r"_(v1|get|post|patch|delete)(_|$)", id)


def test_no_two_schemas_share_a_name() -> None:
    """Their names would say where they stand in the code, and a generator leaves out what has such a name."""
    assert [name for name in SCHEMAS if "__" in name] == []


def test_every_operation_says_what_it_does() -> None:
    for name, operation in operations():
        assert len(operation["summary"]) > 5, name
        assert len(operation["tags"]) == 1, name
        assert operation["tags"][0] in [tag["name"] for tag in DOCUMENT["tags"]], name


def test_every_body_and_every_answer_has_an_example_that_fits() -> None:
    for name, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in [content for body in bodies for content in body.get("content", {}).values()]:
            several = [each["value"] for each in content.get("examples", {}).values()]
            examples = [content["example"]] if "example" in content else several
            assert examples, name
            for example in examples:
                must_fit(example, content["schema"])


def test_every_problem_stands_there_by_itself() -> None:
    for name, operation in operations():
        refusing = {status: one for status, one in operation["responses"].items() if not status.startswith("2")}
        assert {"500", "503"} <= refusing.keys(), name
        for status, response in refusing.items():
            assert response["content"].keys() == {PROBLEM}, name
            content = response["content"][PROBLEM]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, name
            for code, example in content["examples"].items():
                value = example["value"]
                assert (value["code"], value["status"]) == (code, int(status)), name
                assert value["type"] == f"urn:twokeys:problem:{code}", name
                assert f"`{code}`" in response["description"], name


def test_every_answer_names_its_headers() -> None:
    for name, operation in operations():
        for status, response in operation["responses"].items():
            expected = {"X-Request-Id"}
            if status in {"429", "503"}:
                expected.add("Retry-After")
            if status == "401" and operation.get("security"):
                expected.add("WWW-Authenticate")
            if operation["operationId"] == "forward_auth" and status == "204":
                expected |= {"X-Auth-Account-Id", "X-Auth-Email", "X-Auth-Acr", "X-Auth-Amr"}
            if operation["operationId"] == "get_coverage" and status == "200":
                expected.add("Age")
            assert response["headers"].keys() == expected, (name, status)


def test_every_operation_names_its_security_scheme() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {name: (one["type"], one["scheme"]) for name, one in schemes.items()} == {
        "client": ("http", "basic"),
        "token": ("http", "bearer"),
    }
    public = {"log_in", "log_in_second_step", "ask_for_password_reset", "complete_password_reset"}
    public |= {"get_health", "get_readiness", "get_config", "check_password_reset"}
    public |= {"judge_password", "get_metadata", "confirm_email_change", "undo_email_change"}
    public |= {"begin_enrollment_at_login", "confirm_enrollment_at_login", "begin_registration_at_login"}
    public |= {"register_at_login", "report_not_me"}
    public |= {"cancel_clearing", "request_second_step", "request_passkey", "log_in_by_passkey"}
    by_client = {"introspect_token", "revoke_presented_token"}
    for name, operation in operations():
        id = operation["operationId"]
        client = id in by_client or " /v1/admin/" in name
        expected: list[Any] = [] if id in public else [{"client": []}] if client else [{"token": []}]
        assert operation["security"] == expected, name
        # Two proofs are refused also where none is needed.
        assert "401" in operation["responses"], name


def test_the_problem_is_never_offered_as_plain_json() -> None:
    for _, operation in operations():
        for response in operation["responses"].values():
            result = json.dumps(response.get("content", {}).get(JSON, {}).get("schema", {}))
            assert "Problem" not in result


def test_an_answer_without_content_has_none() -> None:
    empty = [one["responses"]["204"] for _, one in operations() if "204" in one["responses"]]
    assert len(empty) == 8
    assert all("content" not in response for response in empty)


def test_only_what_can_be_refused_is_refused() -> None:
    for name, operation in operations():
        taken = operation.get("requestBody", {}).get("content", {})
        assert ("422" in operation["responses"]) == ("Operations" not in operation["tags"]), name
        assert ("415" in operation["responses"]) == bool(taken), name
        assert (FORM in taken) == (name in {"POST /v1/introspect", "POST /v1/revoke"})


def test_the_log_in_says_by_a_discriminator_which_answer_it_is() -> None:
    schema = DOCUMENT["paths"]["/v1/login"]["post"]["responses"]["200"]["content"][JSON]["schema"]
    assert schema["discriminator"] == {
        "propertyName": "status",
        "mapping": {
            "authenticated": "#/components/schemas/Grant",
            "two_factor_required": "#/components/schemas/TwoFactorRequired",
            "enrollment_required": "#/components/schemas/EnrollmentRequired",
        },
    }
    for value, reference in schema["discriminator"]["mapping"].items():
        branch = SCHEMAS[reference.rpartition("/")[2]]
        assert branch["properties"]["status"]["const"] == value
        assert "status" in branch["required"]


def test_an_introspection_is_told_apart_by_its_members() -> None:
    """Several generators take the constant of a boolean for text, and then refuse every answer."""
    schema = DOCUMENT["paths"]["/v1/introspect"]["post"]["responses"]["200"]["content"][JSON]["schema"]
    branches = [SCHEMAS[one["$ref"].rpartition("/")[2]] for one in schema["anyOf"]]
    assert [branch["properties"]["active"] for branch in branches] == [
        {"type": "boolean", "title": "Active", "examples": [active]} for active in (True, False)
    ]
    assert [len(branch["required"]) > 1 for branch in branches] == [True, False]
    assert all("active" in branch["required"] for branch in branches)
    with pytest.raises(AssertionError):
        must_fit({"active": False, "sub": "somebody"}, SCHEMAS["ActiveToken"])


def test_moments_are_date_times() -> None:
    for schema in SCHEMAS.values():
        for name, field in schema.get("properties", {}).items():
            if name.endswith("_at"):
                assert "date-time" in json.dumps(field)


def test_nothing_is_broken_since_the_last_release() -> None:
    last = json.loads(RELEASED[-1].read_text(encoding="utf-8"))
    # Types of events and methods of log-in were closed lists, which no later version could have added to.
    opened = re.compile(
        r"(GET /v1/(me|admin)/events 200/items\[\]/type|POST /v1/login 200<TwoFactorRequired>/methods\[\])"
        ": may now be any value"
    )
    # Only where the operator has chosen a policy that is new.
    chosen = {
        "POST /v1/password-reset/confirm 200/two_factor: may now be 'clearing'",
        "POST /v1/login 200: may now be EnrollmentRequired",
    }
    changes = [
        change for change in breaking_changes(last, DOCUMENT) if change not in chosen and not opened.fullmatch(change)
    ]
    same_major = VERSION.partition(".")[0] == last["info"]["version"].partition(".")[0]
    assert not (changes and same_major), "\n".join(changes)


def test_the_released_documents_are_named_after_their_versions() -> None:
    assert RELEASED
    for file in RELEASED:
        assert json.loads(file.read_text(encoding="utf-8"))["info"]["version"] == file.stem


def _schema(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda document: change(document["components"]["schemas"][name])


def _call(path: str, method: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda document: change(document["paths"][path][method])


BREAKING = {
    "/v1/logout is gone": lambda document: document["paths"].pop("/v1/logout"),
    "DELETE /v1/me/2fa/enrollment is gone": lambda document: document["paths"]["/v1/me/2fa/enrollment"].pop("delete"),
    "GET /v1/me: its method in generated clients is now get_account_of_mine": _call(
        "/v1/me", "get", lambda one: one.update(operationId="get_account_of_mine")
    ),
    "GET /v1/me: another proof of who calls is asked for": _call(
        "/v1/me", "get", lambda one: one.update(security=[{"client": []}])
    ),
    "GET /v1/me 200/email is gone": _schema("Account", lambda one: one["properties"].pop("email")),
    "GET /v1/me 200/email may now be missing": _schema("Account", lambda one: one["required"].remove("email")),
    "GET /v1/me 200/created_at: format was date-time, is None": _schema(
        "Account", lambda one: one["properties"]["created_at"].pop("format")
    ),
    "GET /v1/me 200/status: may now be 'asleep'": _schema(
        "Account", lambda one: one["properties"]["status"]["enum"].append("asleep")
    ),
    "GET /v1/me: answer 401 is gone": _call("/v1/me", "get", lambda one: one["responses"].pop("401")),
    "GET /v1/me: answer 206 is new": _call(
        "/v1/me", "get", lambda one: one["responses"].update({"206": one["responses"]["200"]})
    ),
    "GET /v1/me 401: `invalid_token` is gone": _call(
        "/v1/me", "get", lambda one: one["responses"]["401"]["content"][PROBLEM]["examples"].pop("invalid_token")
    ),
    "GET /v1/forward-auth 204: header X-Auth-Acr is gone": _call(
        "/v1/forward-auth", "get", lambda one: one["responses"]["204"]["headers"].pop("X-Auth-Acr")
    ),
    "POST /v1/login body/device is now needed": _schema("LogIn", lambda one: one["required"].append("device")),
    "POST /v1/login body/code is no longer taken": _schema("LogIn", lambda one: one["properties"].pop("code")),
    "POST /v1/login body/email: maxLength is now 64": _schema(
        "LogIn", lambda one: one["properties"]["email"].update(maxLength=64)
    ),
    "POST /v1/login body/code: null is no longer taken": _schema(
        "LogIn", lambda one: one["properties"]["code"]["anyOf"].pop()
    ),
    "POST /v1/login 200: Grant is gone": _call(
        "/v1/login", "post", lambda one: one["responses"]["200"]["content"][JSON]["schema"]["oneOf"].pop(0)
    ),
    "PATCH /v1/admin/accounts/{id} body/status: 'active' is no longer taken": _schema(
        "ChangeAccount", lambda one: one["properties"]["status"]["enum"].remove("active")
    ),
    "POST /v1/me/tokens/revoke-all: a body is now needed": _call(
        "/v1/me/tokens/revoke-all", "post", lambda one: one["requestBody"].update(required=True)
    ),
    "POST /v1/introspect: application/x-www-form-urlencoded is no longer taken": _call(
        "/v1/introspect", "post", lambda one: one["requestBody"]["content"].pop(FORM)
    ),
    "GET /v1/me/events: parameter limit is gone": _call("/v1/me/events", "get", lambda one: one["parameters"].pop(0)),
    "GET /v1/me/events limit: maximum is now 100": _call(
        "/v1/me/events", "get", lambda one: one["parameters"][0]["schema"].update(maximum=100)
    ),
    "GET /v1/me/events: parameter cursor is now needed": _call(
        "/v1/me/events", "get", lambda one: one["parameters"][1].update(required=True)
    ),
}


@pytest.mark.parametrize("sentence", BREAKING)
def test_a_breaking_change_is_named(sentence: str) -> None:
    changed = copy.deepcopy(DOCUMENT)
    BREAKING[sentence](changed)
    assert sentence in breaking_changes(DOCUMENT, changed)


def _grow(document: dict[str, Any]) -> None:
    """Everything here may come with a minor version."""
    schemas, paths = document["components"]["schemas"], document["paths"]
    schemas["Account"]["properties"]["name"] = {"type": "string"}
    schemas["LogIn"]["properties"]["device"] = {"type": "string"}
    schemas["LogIn"]["properties"]["email"]["maxLength"] = 1000
    paths["/v1/more"] = {"get": {**paths["/v1/me"]["get"], "operationId": "get_more"}}
    paths["/v1/me"]["get"]["responses"]["429"] = paths["/v1/login"]["post"]["responses"]["429"]
    paths["/v1/me"]["get"]["parameters"] = [{"in": "query", "name": "fields", "schema": {"type": "string"}}]


def test_what_only_grows_breaks_nothing() -> None:
    grown = copy.deepcopy(DOCUMENT)
    _grow(grown)
    assert breaking_changes(DOCUMENT, grown) == []


def _answer(status: int, body: Any = None, **headers: str) -> httpx.Response:
    params = {"X-Request-Id": "0" * 32, "Content-Type": PROBLEM if status >= 400 else JSON, **headers}
    content = b"" if body is None else json.dumps(body).encode()
    request = httpx.Request("GET", "http://test/v1/me")
    return httpx.Response(status, headers=params, content=content, request=request)


_PROBLEM = DOCUMENT["paths"]["/v1/me"]["get"]["responses"]["401"]["content"][PROBLEM]["examples"]["invalid_token"][
    "value"
]
_ME = DOCUMENT["paths"]["/v1/me"]["get"]["responses"]["200"]["content"][JSON]["example"]
UNDOCUMENTED = {
    "status": _answer(418, _PROBLEM),
    "type text/html": _answer(200, _ME, **{"Content-Type": "text/html"}),
    "code": _answer(401, _PROBLEM | {"code": "surprise"}, **{"WWW-Authenticate": "Bearer"}),
    "no WWW-Authenticate": _answer(401, _PROBLEM),
    "'email' is a required property": _answer(200, {name: result for name, result in _ME.items() if name != "email"}),
    "'asleep' is not one of": _answer(200, _ME | {"status": "asleep"}),
}


@pytest.mark.anyio
@pytest.mark.parametrize("what", UNDOCUMENTED)
async def test_an_answer_that_the_document_does_not_know_is_noticed(what: str) -> None:
    """As `must_be_documented` does it with every answer that a test in this process gets."""
    with pytest.raises(AssertionError, match=re.escape(what)):
        await must_be_documented(UNDOCUMENTED[what])
    await must_be_documented(_answer(200, _ME))
