"""The whole story by the generated Python client: python story.py ADDRESS OPERATOR INTROSPECTOR EMAIL.

OPERATOR and INTROSPECTOR are `id:secret`. What only a key or a mailbox can give it asks for with a line of JSON, and
reads a line; the last line is what it saw.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys
import time
from http import HTTPStatus
from typing import Any, TypeVar

from twokeys_client import AuthenticatedClient, Client
from twokeys_client.api.account import (
    confirm_email_change,
    get_me,
    list_events,
    reauthenticate,
    request_email_change,
    request_reauthentication,
    undo_email_change,
)
from twokeys_client.api.administration import change_account, create_account
from twokeys_client.api.authentication_tokens import create_token, list_tokens, log_out
from twokeys_client.api.for_other_services import introspect_token, revoke_presented_token
from twokeys_client.api.log_in import (
    begin_enrollment_at_login,
    confirm_enrollment_at_login,
    log_in,
    log_in_by_passkey,
    log_in_second_step,
    request_passkey,
    request_second_step,
)
from twokeys_client.api.lost_device import ask_for_password_reset, complete_password_reset
from twokeys_client.api.two_factor_authentication import (
    begin_enrollment,
    begin_registration,
    confirm_enrollment,
    disable_two_factor,
    register,
)
from twokeys_client.models import (
    Account,
    ActiveToken,
    AnyAccount,
    AskForReset,
    AssertionRequest,
    BeginByTicket,
    BeginEnrollment,
    BeginRegistration,
    ChangeAccount,
    ChangeAccountTwoFactorPolicy,
    CompleteReset,
    Confirm,
    ConfirmByTicket,
    Confirmed,
    ConfirmEmailChange,
    CreateAccount,
    CreatedToken,
    CreateToken,
    Disable,
    Disabled,
    EmailChanged,
    EmailChangeRequested,
    EmailChangeUndone,
    Enrollment,
    EnrollmentRequired,
    EventPage,
    Grant,
    InactiveToken,
    IntrospectTokenBody,
    LogIn,
    LogInByPasskey,
    LogInByPasskeyCredential,
    NoMembers,
    Problem,
    Reauthenticate,
    ReauthenticateCredentialType0,
    Reauthenticated,
    Register,
    RegisterCredential,
    RegistrationRequest,
    RequestEmailChange,
    RequestOptions,
    ResetAsked,
    ResetCompleted,
    RevokePresentedTokenBody,
    SecondStep,
    SecondStepCredential,
    SecondStepOptions,
    TokenPage,
    TwoFactorRequired,
    UndoEmailChange,
)

PASSWORD = "tangled-orchid-basement-41"
NEW_PASSWORD = "walnut-harbour-sixteen-kites"
T = TypeVar("T")


def the(kind: type[T], answer: object) -> T:
    if not isinstance(answer, kind):
        sys.exit(f"no {kind.__name__}: {answer}")
    return answer


def ask(**question: object) -> Any:
    print(json.dumps(question), flush=True)
    return json.loads(sys.stdin.readline())


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


def register_key(caller: AuthenticatedClient, *, passkey: bool) -> Grant:
    wanted = BeginRegistration(password=PASSWORD, passkey=passkey)
    begun = the(RegistrationRequest, begin_registration.sync(client=caller, body=wanted))
    made = RegisterCredential.from_dict(ask(create=begun.public_key.to_dict()))
    done = register.sync(client=caller, body=Register(registration=begun.registration, credential=made))
    return the(Confirmed, done).grant


def log_in_by_key(twokeys: Client, email: str) -> Grant:
    first = the(TwoFactorRequired, log_in.sync(client=twokeys, body=LogIn(email=email, password=PASSWORD)))
    wanted = SecondStepOptions(challenge=first.challenge)
    options = the(RequestOptions, request_second_step.sync(client=twokeys, body=wanted))
    answer = SecondStepCredential.from_dict(ask(get=options.public_key.to_dict()))
    second = SecondStep(challenge=first.challenge, credential=answer)
    return the(Grant, log_in_second_step.sync(client=twokeys, body=second))


def log_in_by_passkey_alone(twokeys: Client) -> Grant:
    asked = the(AssertionRequest, request_passkey.sync(client=twokeys, body=NoMembers()))
    answer = LogInByPasskeyCredential.from_dict(ask(get=asked.public_key.to_dict()))
    body = LogInByPasskey(challenge=asked.challenge, credential=answer)
    return the(Grant, log_in_by_passkey.sync(client=twokeys, body=body))


def prove_again(caller: AuthenticatedClient) -> Grant:
    asked = the(AssertionRequest, request_reauthentication.sync(client=caller, body=NoMembers()))
    answer = ReauthenticateCredentialType0.from_dict(ask(get=asked.public_key.to_dict()))
    body = Reauthenticate(challenge=asked.challenge, credential=answer)
    return the(Reauthenticated, reauthenticate.sync(client=caller, body=body)).grant


def enroll_by_ticket(twokeys: Client, email: str) -> tuple[str, Grant]:
    """At a log-in where the operator requires it: the new device's secret, and the session that it opens."""
    answer = log_in.sync(client=twokeys, body=LogIn(email=email, password=PASSWORD))
    ticket = the(EnrollmentRequired, answer).ticket
    begun = begin_enrollment_at_login.sync(client=twokeys, body=BeginByTicket(ticket=ticket))
    secret = the(Enrollment, begun).secret
    body = ConfirmByTicket(ticket=ticket, code=code(secret))
    return secret, the(Confirmed, confirm_enrollment_at_login.sync(client=twokeys, body=body)).grant


def move_and_return(twokeys: Client, caller: AuthenticatedClient, email: str) -> str:
    """To another address and, by the link that the old mailbox gets, back: the address in between."""
    new = f"moved-{email}"
    wanted = RequestEmailChange(new_email=new, password=PASSWORD)
    the(EmailChangeRequested, request_email_change.sync(client=caller, body=wanted))
    token = ask(link="email-change", to=new)
    confirming = ConfirmEmailChange(token=token)
    moved: str = the(EmailChanged, confirm_email_change.sync(client=twokeys, body=confirming)).email
    token = ask(link="email-change/undo", to=email)
    undone = the(EmailChangeUndone, undo_email_change.sync(client=twokeys, body=UndoEmailChange(token=token)))
    assert undone.email == email
    return moved


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

    session = register_key(by(session), passkey=False)
    session = register_key(by(session), passkey=True)
    by_key, by_passkey = log_in_by_key(twokeys, email), log_in_by_passkey_alone(twokeys)
    session = prove_again(by(session))
    amr = [grant.token.amr for grant in (by_key, by_passkey, session)]

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

    required = ChangeAccount(two_factor_policy=ChangeAccountTwoFactorPolicy.REQUIRED)
    the(AnyAccount, change_account.sync(client=operator, id=made.id, body=required))
    secret, enrolled = enroll_by_ticket(twokeys, email)
    moved = move_and_return(twokeys, by(enrolled), email)

    the(ResetAsked, ask_for_password_reset.sync(client=twokeys, body=AskForReset(email=email)))
    reset = CompleteReset(token=ask(link="password-reset", to=email), new_password=NEW_PASSWORD)
    done = the(ResetCompleted, complete_password_reset.sync(client=twokeys, body=reset))
    first_step = log_in.sync(client=twokeys, body=LogIn(email=email, password=NEW_PASSWORD))
    waiting = the(TwoFactorRequired, first_step)
    assert waiting.clears_at == done.clears_at
    second = SecondStep(challenge=waiting.challenge, code=code(secret, 1))
    last = the(Grant, log_in_second_step.sync(client=twokeys, body=second))
    return {
        "account": str(made.id),
        "acr": found.acr.value,
        "amr": amr,
        "disabled": off.two_factor.status.value,
        "events": [event.type_ for event in events.items],
        "moved": moved,
        "reset": done.two_factor.value,
        "token": last.access_token,
    }


if __name__ == "__main__":
    _, address, operator, introspector, email = sys.argv
    print(json.dumps(live(address, by_basic(address, operator), by_basic(address, introspector), email)))
