"""A log-in, and both answers of introspection, with the Python client that openapi-generator writes.

`python story.py ADDRESS OPERATOR INTROSPECTOR EMAIL`; the credentials are `id:secret`. Prints what it found as JSON.
"""

import json
import sys

from openapi_client import ActiveToken, ApiClient, Configuration, CreateAccount, Grant, InactiveToken, LogIn
from openapi_client.api.account_api import AccountApi
from openapi_client.api.administration_api import AdministrationApi
from openapi_client.api.authentication_tokens_api import AuthenticationTokensApi
from openapi_client.api.for_other_services_api import ForOtherServicesApi
from openapi_client.api.log_in_api import LogInApi
from openapi_client.exceptions import ApiException

PASSWORD = "tangled-orchid-basement-41"


def by_client(address: str, credentials: str) -> ApiClient:
    id, _, secret = credentials.partition(":")
    return ApiClient(Configuration(host=address, username=id, password=secret))


def main(address: str, operator: str, introspector: str, email: str) -> None:
    account = AdministrationApi(by_client(address, operator)).create_account(
        CreateAccount(email=email, password=PASSWORD)
    )
    anybody = LogInApi(ApiClient(Configuration(host=address)))
    code = None
    try:
        anybody.log_in(LogIn(email=email, password="something else"))
    except ApiException as refusal:
        code = json.loads(refusal.body)["code"]
    grant = anybody.log_in(LogIn(email=email, password=PASSWORD)).actual_instance
    assert isinstance(grant, Grant)
    me = ApiClient(Configuration(host=address, access_token=grant.access_token))
    services = ForOtherServicesApi(by_client(address, introspector))
    alive = services.introspect_token(token=grant.access_token).actual_instance
    assert isinstance(alive, ActiveToken)
    listed = AuthenticationTokensApi(me).list_tokens()
    found = {
        "account": str(AccountApi(me).get_me().id),
        "same": account.id == alive.sub,
        "active": alive.active,
        "sessions": len(listed.items),
        "refused": code,
    }
    AuthenticationTokensApi(me).log_out()
    dead = services.introspect_token(token=grant.access_token).actual_instance
    assert isinstance(dead, InactiveToken)
    print(json.dumps(found | {"dead": dead.active}))


main(*sys.argv[1:])
