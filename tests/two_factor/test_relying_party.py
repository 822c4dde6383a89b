"""Settings of security keys and passkeys that follow from others."""

from typing import Any

import pytest

from app.settings import Settings, SettingsRefused, load_settings


def settings(**given: Any) -> Settings:
    return load_settings(None, **given)


@pytest.mark.parametrize(
    ("public_url", "rp_id", "origin"),
    [
        ("https://id.example.com", "id.example.com", "https://id.example.com"),
        ("https://id.example.com:443/", "id.example.com", "https://id.example.com"),
        ("https://id.example.com:8443", "id.example.com", "https://id.example.com:8443"),
        ("http://localhost:8000", "localhost", "http://localhost:8000"),
        ("http://127.0.0.1:8000", "127.0.0.1", "http://127.0.0.1:8000"),
        ("http://[::1]:80", "::1", "http://[::1]"),
    ],
)
def test_keys_are_bound_to_the_host_of_the_public_url(public_url: str, rp_id: str, origin: str) -> None:
    found = settings(public_url=public_url)
    assert (found.relying_party_id, found.relying_party_origins) == (rp_id, (origin,))


def test_an_operator_names_another_domain_and_more_origins() -> None:
    origins = ("https://app.example.com", "https://example.com")
    found = settings(public_url="https://id.example.com", webauthn_rp_id="example.com", webauthn_origins=origins)
    assert (found.relying_party_id, found.relying_party_origins) == ("example.com", origins)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webauthn_rp_id", "https://example.com"),
        ("webauthn_rp_id", "Example.com"),
        ("webauthn_rp_id", "example.com:8000"),
        ("webauthn_rp_id", ""),
        ("webauthn_origins", ("https://example.com/",)),
        ("webauthn_origins", ("https://badexample.com",)),
        ("webauthn_origins", ("https://example.com.evil.example",)),
        ("webauthn_origins", ("*",)),
    ],
)
def test_what_no_browser_would_accept_is_refused(name: str, value: object) -> None:
    with pytest.raises(SettingsRefused):
        settings(**{"public_url": "https://example.com"} | {name: value})
