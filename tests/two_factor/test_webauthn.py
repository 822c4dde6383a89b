"""What a credential proves, without I/O. Each trap that others fell into has a test with its name."""

import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.two_factor import webauthn
from app.two_factor.webauthn import CredentialRefused, KnownCredential, Registered, RelyingParty
from app.two_factor.webauthn_options import creation_options, request_options
from tests.support.keys import (
    EDDSA,
    ES256,
    ORIGIN,
    PRESENT,
    RS256,
    VERIFIED,
    SoftwareKey,
    b64,
    cose_key,
)

PARTY = RelyingParty("127.0.0.1", "Twokeys", (ORIGIN, "https://id.example.com"))
CHALLENGE = webauthn.challenge_of("tkw_secret", "registration")
HANDLE = bytes(range(32))


def creation(*, passkey: bool = False, challenge: bytes = CHALLENGE) -> Any:
    return creation_options(
        PARTY,
        challenge=challenge,
        user_handle=HANDLE,
        user_name="ada@example.com",
        existing=[],
        passkey=passkey,
        seconds=300,
    )


def request(*, challenge: bytes = CHALLENGE, verify_user: bool = False) -> Any:
    return request_options(PARTY, challenge=challenge, allowed=[], verify_user=verify_user, seconds=300)


def registered(key: SoftwareKey, *, passkey: bool = False, **tampered: Any) -> Registered:
    credential = key.create(creation(passkey=passkey), **tampered)
    return webauthn.verify_registration(PARTY, credential, challenge=CHALLENGE, passkey=passkey)


def assertion_of(
    key: SoftwareKey, credential: Any, *, challenge: bytes = CHALLENGE, alone: bool = False
) -> webauthn.Asserted:
    return webauthn.verify_assertion(
        PARTY,
        credential,
        challenge=challenge,
        public_key=cbor2.dumps(cose_key(key.key)),
        user_handle=HANDLE,
        alone=alone,
    )


def reason(act: Any) -> str:
    with pytest.raises(CredentialRefused) as refusal:
        act()
    return refusal.value.reason


@pytest.fixture(scope="module")
def key() -> SoftwareKey:
    made = SoftwareKey()
    registered(made)
    return made


# Options


def test_a_security_key_is_asked_for_neither_residence_nor_verification() -> None:
    chosen = creation()["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("discouraged", "discouraged")
    assert creation()["attestation"] == "none"
    assert [each["alg"] for each in creation()["pubKeyCredParams"]] == [EDDSA, ES256, RS256]


def test_a_passkey_is_asked_for_both() -> None:
    chosen = creation(passkey=True)["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert chosen["requireResidentKey"] is True


def test_options_name_the_credentials_that_the_account_has() -> None:
    known = [KnownCredential(b"one", ("usb", "nfc")), KnownCredential(b"two")]
    options = request_options(PARTY, challenge=CHALLENGE, allowed=known, verify_user=False, seconds=300)
    assert options["allowCredentials"] == [
        {"type": "public-key", "id": b64(b"one"), "transports": ["usb", "nfc"]},
        {"type": "public-key", "id": b64(b"two")},
    ]
    assert "allowCredentials" not in request()
    json.dumps([options, creation(), request()])


def test_a_challenge_belongs_to_one_secret_and_one_purpose() -> None:
    challenges = {webauthn.challenge_of(secret, purpose) for secret in ("a", "b") for purpose in ("c", "d")}
    assert len(challenges) == 4
    assert {len(challenge) for challenge in challenges} == {32}


# What is right


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
@pytest.mark.parametrize("passkey", [False, True], ids=["security key", "passkey"])
def test_each_algorithm_registers_and_proves(algorithm: int, passkey: bool) -> None:  # noqa: FBT001
    key = SoftwareKey(algorithm)
    made = registered(key, passkey=passkey)
    assert (made.credential_id, made.sign_count, made.backed_up) == (key.credential_id, 0, False)
    assert made.transports == ("usb",)
    proved = assertion_of(key, key.get(request(verify_user=passkey)), alone=passkey)
    assert (proved.sign_count, proved.backed_up) == (1, False)


def test_a_backed_up_passkey_says_so() -> None:
    key = SoftwareKey(backed_up=True, counts=False)
    assert registered(key, passkey=True).backed_up
    proved = assertion_of(key, key.get(request()))
    assert (proved.sign_count, proved.backed_up) == (0, True)


def test_every_configured_origin_counts(key: SoftwareKey) -> None:
    assertion_of(key, key.get(request(), origin="https://id.example.com"))


def test_unknown_transports_are_left_out() -> None:
    given = {"transports": ["usb", "carrier-pigeon", 7, None, "usb"]}
    assert registered(SoftwareKey(), response=given).transports == ("usb",)
    unlisted: list[Any] = ["usb", {"usb": 1}, None]
    for transports in unlisted:
        assert registered(SoftwareKey(), response={"transports": transports}).transports == ()


# Traps


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1", "http://127.0.0.1:8000/", "null"])
def test_another_origin_proves_nothing(key: SoftwareKey, origin: str) -> None:
    """A phishing proxy has an origin of its own."""
    assert reason(lambda: registered(SoftwareKey(), origin=origin)) == "another_origin"
    assert reason(lambda: assertion_of(key, key.get(request(), origin=origin))) == "another_origin"


def test_another_rp_id_proves_nothing(key: SoftwareKey) -> None:
    for rp_id in ("evil.example", "localhost", "0.0.1"):
        assert reason(lambda rp_id=rp_id: registered(SoftwareKey(), rp_id=rp_id)) == "not_valid"
        assert reason(lambda rp_id=rp_id: assertion_of(key, key.get(request(), rp_id=rp_id))) == "not_valid"


@pytest.mark.parametrize("cross", [True, "false", 0, 1, "", []])
def test_cross_origin_frames_prove_nothing_where_the_library_does_not_look(key: SoftwareKey, cross: Any) -> None:
    """py_webauthn takes `crossOrigin: true`."""
    assert reason(lambda: registered(SoftwareKey(), crossOrigin=cross)) == "cross_origin"
    assert reason(lambda: assertion_of(key, key.get(request(), crossOrigin=cross))) == "cross_origin"


def test_a_top_origin_proves_nothing(key: SoftwareKey) -> None:
    assert reason(lambda: assertion_of(key, key.get(request(), topOrigin=ORIGIN))) == "cross_origin"


def test_a_client_that_says_nothing_of_frames_is_believed(key: SoftwareKey) -> None:
    assertion_of(key, key.get(request(), crossOrigin=None))


def test_a_challenge_in_the_answer_is_not_the_one_we_gave(key: SoftwareKey) -> None:
    """CVE-2026-28787: a challenge taken from the request replays for ever."""
    other = webauthn.challenge_of("tkw_other", "registration")
    made = SoftwareKey().create(creation(challenge=other))
    assert reason(lambda: webauthn.verify_registration(PARTY, made, challenge=CHALLENGE, passkey=False)) == "not_valid"
    assert reason(lambda: assertion_of(key, key.get(request(challenge=other)))) == "not_valid"


def test_a_credential_of_one_ceremony_is_nothing_in_the_other(key: SoftwareKey) -> None:
    made, got = key.create(creation()), key.get(request())
    assert reason(lambda: assertion_of(key, made)) == "not_valid"
    assert reason(lambda: webauthn.verify_registration(PARTY, got, challenge=CHALLENGE, passkey=False)) == "not_valid"
    assert reason(lambda: registered(SoftwareKey(), kind="webauthn.get")) == "not_valid"
    assert reason(lambda: assertion_of(key, key.get(request(), kind="webauthn.create"))) == "not_valid"


def test_a_user_handle_of_another_account_proves_nothing(key: SoftwareKey) -> None:
    """YSA-2026-02: the credential, its account and the challenge belong together."""
    for handle in (bytes(32), HANDLE[:-1], HANDLE + b"\0"):
        given = {"userHandle": b64(handle)}
        assert reason(lambda given=given: assertion_of(key, key.get(request(), response=given))) == "another_user"
    assertion_of(key, key.get(request(), response={"userHandle": None}))


def test_a_passkey_without_user_verification_is_no_passkey() -> None:
    """voidauth#361, better-auth: verification that is only preferred is no second factor."""
    unverified = SoftwareKey(verifies_user=False)
    assert reason(lambda: registered(unverified, passkey=True)) == "not_valid"
    registered(unverified)
    assert reason(lambda: assertion_of(unverified, unverified.get(request()), alone=True)) == "not_valid"
    assertion_of(unverified, unverified.get(request()))


def test_a_passkey_that_names_no_user_is_no_passkey(key: SoftwareKey) -> None:
    """§7.2 step 6: nobody was named before the answer came, so that the answer must."""
    for handle in (None, ""):
        nameless = {"userHandle": handle}
        assert reason(lambda given=nameless: assertion_of(key, key.get(request(), response=given), alone=True)) == (
            "no_user"
        )


def test_nobody_at_the_key_proves_nothing(key: SoftwareKey) -> None:
    assert reason(lambda: registered(SoftwareKey(), flags=0x40 | VERIFIED)) == "not_valid"
    assert reason(lambda: assertion_of(key, key.get(request(), flags=VERIFIED))) == "not_valid"


def test_a_single_device_can_not_be_backed_up(key: SoftwareKey) -> None:
    assert reason(lambda: assertion_of(key, key.get(request(), flags=PRESENT | 0x10))) == "not_valid"


@pytest.mark.parametrize(
    "changed",
    [
        {3: -36},
        {3: -37},
        {3: -65535},
        {3: -8},
        {-1: 2},
        {-1: 3},
        {1: 1},
        {-2: bytes(32)},
        {-2: b"", -3: b""},
        {-2: bytes(2000)},
    ],
)
def test_algorithms_that_were_not_offered_are_refused(changed: dict[int, Any]) -> None:
    """CVE-2026-8830: what only the page checks, nobody checks."""
    key = SoftwareKey()
    assert reason(lambda: registered(key, public_key=cose_key(key.key) | changed)) in {"not_valid", "algorithm"}


@pytest.mark.parametrize(
    "changed", [{-1: b"\x01" + bytes(127)}, {-1: b"\xff" * 1000}, {-2: b"\x03"}, {-2: b"\x01" + bytes(400)}]
)
def test_rsa_keys_have_a_size_that_holds_and_an_exponent_that_is_cheap(changed: dict[int, Any]) -> None:
    key = SoftwareKey(RS256)
    assert reason(lambda: registered(key, public_key=cose_key(key.key) | changed)) == "algorithm"


@pytest.mark.parametrize("public_key", [4, [], {}, "x", None, {1: 2}, {1: 7, 3: -48, -1: bytes(1312)}])
def test_what_is_no_public_key_is_refused(public_key: Any) -> None:
    if public_key is None:
        public_key = {1: None, 3: None}
    assert reason(lambda: registered(SoftwareKey(), public_key=public_key)) in {"not_valid", "algorithm"}


def test_certificates_of_strangers_are_not_parsed() -> None:
    statement = {"alg": ES256, "sig": b"x", "x5c": [b"not a certificate"]}
    for form in ("packed", "tpm", "android-key", "android-safetynet", "fido-u2f", "apple", "unknown", 7):
        given = {"fmt": form, "attStmt": statement}
        assert reason(lambda given=given: registered(SoftwareKey(), attestation=given)) == "attestation"


def test_a_signature_by_another_key_proves_nothing(key: SoftwareKey) -> None:
    other = SoftwareKey(credential_id=key.credential_id)
    assert reason(lambda: assertion_of(key, other.get(request()))) == "not_valid"


def test_every_bit_of_an_assertion_counts(key: SoftwareKey) -> None:
    whole = key.get(request())
    for member in ("signature", "authenticatorData"):
        raw = bytearray(webauthn._decode(whole["response"][member]))
        for at in (0, len(raw) // 2, len(raw) - 1):
            changed = bytearray(raw)
            changed[at] ^= 1
            tampered = whole | {"response": whole["response"] | {member: b64(bytes(changed))}}
            assert reason(lambda tampered=tampered: assertion_of(key, tampered)) == "not_valid"


def test_an_id_that_is_not_the_credentials_is_refused() -> None:
    key = SoftwareKey()
    for changed in ({"id": b64(b"another")}, {"rawId": b64(b"another")}, {"id": b64(b"x"), "rawId": b64(b"x")}):
        credential = key.create(creation()) | changed
        with pytest.raises(CredentialRefused):
            webauthn.verify_registration(PARTY, credential, challenge=CHALLENGE, passkey=False)


# Bad input

DEEP_JSON = "[" * 20_000
DEEP_CBOR = b"\x81" * 20_000 + b"\x00"
HOSTILE: list[Any] = [
    None,
    7,
    True,
    [],
    {},
    "",
    "====",
    "\ud800",
    "é",
    "A" * 5,
    b64(b"null"),
    b64(b"[]"),
    b64(b'"text"'),
    b64(b'{"type":1,"challenge":2,"origin":3}'),
    b64(DEEP_JSON.encode()),
    b64(DEEP_CBOR),
    b64(b"\xff" * 64),
    b64(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"),
    b64(b"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff"),
    b64(bytes(30_000)),
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_malformed_members_are_refused_and_nothing_else(key: SoftwareKey, value: Any) -> None:
    made, got = SoftwareKey().create(creation()), key.get(request())
    for whole, members, act in (
        (made, ("clientDataJSON", "attestationObject"), verify_made),
        (got, ("clientDataJSON", "authenticatorData", "signature"), lambda each: assertion_of(key, each)),
    ):
        for tampered in (
            *(whole | {"response": whole["response"] | {member: value}} for member in members),
            whole | {"id": value},
            whole | {"rawId": value},
            whole | {"type": value},
            whole | {"response": value},
            {},
        ):
            with pytest.raises(CredentialRefused):
                act(tampered)


def verify_made(credential: Any) -> Registered:
    return webauthn.verify_registration(PARTY, credential, challenge=CHALLENGE, passkey=False)


def test_an_answer_longer_than_any_honest_one_is_not_parsed(key: SoftwareKey) -> None:
    long: Any = "x" * 4096
    assert reason(lambda: registered(SoftwareKey(), padding=long)) == "too_long"
    assert reason(lambda: assertion_of(key, key.get(request(), padding=long))) == "too_long"


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_any_json_object_is_refused_and_nothing_else(value: Any) -> None:
    credential = value if isinstance(value, dict) else {"response": value}
    for act in (webauthn.credential_id, verify_made):
        with pytest.raises(CredentialRefused):
            act(credential)


@given(st.binary(max_size=300))
def test_any_authenticator_data_is_refused_and_nothing_else(raw: bytes) -> None:
    given = {"authData": raw}
    with pytest.raises(CredentialRefused):
        registered(SoftwareKey(EDDSA), attestation=given)


@pytest.mark.parametrize("id", ["", "=", "A", "AB", "A=", "AA==", "A A", "-_-\n", "é", "A" * 1400, 7, None])
def test_an_id_is_base64url_in_its_one_form(id: Any) -> None:
    assert reason(lambda: webauthn.credential_id({"id": id})) == "malformed"


def test_the_id_of_a_credential_is_read() -> None:
    assert webauthn.credential_id({"id": b64(b"\xff" * 1023)}) == b"\xff" * 1023
