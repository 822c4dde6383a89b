"""One's own address is no password, in whatever form it is written."""

import pytest

from app.security.password_rules import is_little_more_than

ISSUER = "Acme Cloud"


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("reset@example.com", "reset@example"),
        ("reset@example.com", "Reset@Example.COM"),
        ("anna.schmidt@acme.com", "Anna.Schmidt@acme1"),
        ("demo@example.com", "demo@example.org"),
        ("demo@example.com", "demo(at)example(dot)com"),
        ("anna.schmidt@acme.com", "annaschmidt2026"),
        ("anna.schmidt@acme.com", "schmidt.anna!99"),
        ("anna.schmidt@acme.com", "4nn4.5chm1dt"),
        ("anna.schmidt@acme.com", "tdimhcs.anna"),
        ("anna.schmidt@acme.com", "ＡＮＮＡ．ＳＣＨＭＩＤＴ"),
        ("anna+work@mail.acme.com", "annaworkmailacme"),
        ("al@acme.com", "al@acme.com"),
        ("anna@example.com", "acmecloud-anna"),
        ("anna@example.com", "AcmeCloud2026"),
    ],
)
def test_the_address_in_another_form_is_no_password(address: str, password: str) -> None:
    assert is_little_more_than(password, address, ISSUER)


@pytest.mark.parametrize(
    ("address", "password"),
    [
        ("ada@example.com", "tangled-orchid-basement-41"),
        ("ada@example.com", "ada likes walnut harbours"),
        ("anna.schmidt@acme.com", "acme-tangled-orchid"),
        ("anna.schmidt@acme.com", "xk7!comQ92vd"),
        ("al@x.com", "alpine-xylophone"),
    ],
)
def test_a_word_of_the_address_among_others_is_fine(address: str, password: str) -> None:
    assert not is_little_more_than(password, address, ISSUER)
