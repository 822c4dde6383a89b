"""The whole story by the generated Python client: python story.py ADDRESS OPERATOR INTROSPECTOR EMAIL.

OPERATOR and INTROSPECTOR are `id:secret`. It says `asked` when it has asked for a reset link, reads the link's token
from standard input, and ends with a line of JSON.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys
import time
from http import HTTPStatus
from typing import TypeVar

from twokeys_client import AuthenticatedClient, Client
from twokeys_client.api.account import get_me, list_events
from twokeys_client.api.administration import create_account
from twokeys_client.api.authentication_tokens import create_token, list_tokens, log_out
from twokeys_client.api.for_other_services import introspect_token, revoke_presented_token
from twokeys_client.api.log_in import log_in, log_in_second_step
from twokeys_client.api.lost_device import ask_for_password_reset, complete_password_reset
from twokeys_client.api.two_factor_authentication import begin_enrollment, confirm_enrollment, disable_two_factor
from twokeys_client.models import (
    Account,
    ActiveToken,
    AnyAccount,
    AskForReset,
    BeginEnrollment,
    CompleteReset,
    Confirm,
    Confirmed,
    CreateAccount,
    CreatedToken,
    CreateToken,
    Disable,
    Disabled,
    Enrollment,
    EventPage,
    Grant,
    InactiveToken,
    IntrospectTokenBody,
    LogIn,
    Problem,
    ResetAsked,
    ResetCompleted,
    RevokePresentedTokenBody,
    SecondStep,
    TokenPage,
    TwoFactorRequired,
)

PASSWORD = "tangled-orchid-basement-41"
NEW_PASSWORD = "walnut-harbour-sixteen-kites"
T = TypeVar("T")


def the(kind: type[T], answer: object) -> T:
    if not isinstance(answer, kind):
        sys.exit(f"no {kind.__name__}: {answer}")
    return answer


def code(secret: str, steps: int = 0) -> str:
    """What the authenticator app shows (RFC 6238), or will show so many steps later."""
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30 + steps), hashlib.sha1)
    return f"{(struct.unpack('>I', mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF) % 10**6:06d}"


def by_basic(address: str, credentials: str) -> AuthenticatedClient:
    token = base64.b64encode(credentials.encode()).decode()
    return AuthenticatedClient(base_url=address, token=token, prefix="Basic")


def enroll(caller: AuthenticatedClient) -> tuple[str, Grant]:
    """The new device's secret, and the session that goes on."""
    secret = the(Enrollment, begin_enrollment.sync(client=caller, body=BeginEnrollment(password=PASSWORD))).secret
    refused = the(Problem, confirm_enrollment.sync(client=caller, body=Confirm(code="000000")))
    assert (refused.code, refused.attempts_remaining) == ("invalid_code", 9)
    confirmed = the(Confirmed, confirm_enrollment.sync(client=caller, body=Confirm(code=code(secret))))
    assert len(confirmed.recovery_codes) == 10
    return secret, confirmed.grant


def log_in_twice(twokeys: Client, email: str, secret: str) -> Grant:
    answer = log_in.sync(client=twokeys, body=LogIn(email=email, password=PASSWORD))
    if isinstance(answer, TwoFactorRequired):
        second = SecondStep(challenge=answer.challenge, code=code(secret, 1))
        answer = log_in_second_step.sync(client=twokeys, body=second)
    return the(Grant, answer)


def introspect(backend: AuthenticatedClient, token: str) -> ActiveToken | None:
    answer = introspect_token.sync(client=backend, body=IntrospectTokenBody(token=token))
    if isinstance(answer, ActiveToken):
        return answer
    the(InactiveToken, answer)
    return None


def live(address: str, operator: AuthenticatedClient, backend: AuthenticatedClient, email: str) -> dict[str, object]:
    twokeys = Client(base_url=address)

    def by(grant: Grant | CreatedToken) -> AuthenticatedClient:
        return AuthenticatedClient(base_url=address, token=grant.access_token)

    made = the(AnyAccount, create_account.sync(client=operator, body=CreateAccount(email=email, password=PASSWORD)))
    first = the(Grant, log_in.sync(client=twokeys, body=LogIn(email=email, password=PASSWORD)))
    secret, confirmed = enroll(by(first))
    assert introspect(backend, first.access_token) is None
    session = log_in_twice(twokeys, email, secret)
    found = introspect(backend, session.access_token)
    assert found is not None
    assert (found.sub, found.username, found.amr) == (made.id, email, ["pwd", "otp", "mfa"])

    personal = the(CreatedToken, create_token.sync(client=by(session), body=CreateToken(description="Backup")))
    the(Account, get_me.sync(client=by(personal)))
    page = the(TokenPage, list_tokens.sync(client=by(session), limit=2))
    assert (len(page.items), type(page.next_cursor)) == (2, str)
    revoke_presented_token.sync(client=backend, body=RevokePresentedTokenBody(token=personal.access_token))
    assert the(Problem, get_me.sync(client=by(personal))).code == "invalid_token"

    off = the(Disabled, disable_two_factor.sync(client=by(session), body=Disable(password=PASSWORD)))
    assert introspect(backend, confirmed.access_token) is None
    events = the(EventPage, list_events.sync(client=by(off.grant)))
    assert log_out.sync_detailed(client=by(off.grant)).status_code is HTTPStatus.NO_CONTENT

    the(ResetAsked, ask_for_password_reset.sync(client=twokeys, body=AskForReset(email=email)))
    print("asked", flush=True)
    reset = CompleteReset(token=sys.stdin.readline().strip(), new_password=NEW_PASSWORD)
    done = the(ResetCompleted, complete_password_reset.sync(client=twokeys, body=reset))
    last = the(Grant, log_in.sync(client=twokeys, body=LogIn(email=email, password=NEW_PASSWORD)))
    return {
        "account": str(made.id),
        "acr": found.acr.value,
        "disabled": off.two_factor.status.value,
        "events": [event.type_ for event in events.items],
        "reset": done.two_factor.value,
        "token": last.access_token,
    }


if __name__ == "__main__":
    _, address, operator, introspector, email = sys.argv
    print(json.dumps(live(address, by_basic(address, operator), by_basic(address, introspector), email)))
