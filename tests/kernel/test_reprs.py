"""Values of a domain never change, and none prints what is secret: a log line may hold its `repr` at any time."""

import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import SecretStr

import app

SECRET_NAMES = {"secret", "password_hash", "recovery_codes", "otpauth_uri", "qr_svg", "qr_png", "facts"}
DOMAINS = sorted(file.parent.name for file in Path(app.__file__).parent.glob("*/domain.py"))


def test_there_are_domains() -> None:
    assert {"accounts", "tokens", "two_factor", "login"} <= set(DOMAINS)


def values_of(module: str) -> Iterator[type]:
    domain = import_module(f"app.{module}.domain")
    for value in vars(domain).values():
        if isinstance(value, type) and is_dataclass(value) and value.__module__ == domain.__name__:
            yield value


@pytest.mark.parametrize("module", DOMAINS)
def test_every_value_is_frozen(module: str) -> None:
    for value in values_of(module):
        if issubclass(value, Exception):
            # Python itself writes the traceback into it.
            continue
        assert value.__dataclass_params__.frozen, value.__name__  # type: ignore[attr-defined] # typeshed has no name for it


@pytest.mark.parametrize("module", DOMAINS)
def test_no_value_prints_a_secret(module: str) -> None:
    for value in values_of(module):
        kinds = typing.get_type_hints(value)
        for each in fields(value):
            if kinds[each.name] is bytes or each.name in SECRET_NAMES:
                assert not each.repr or kinds[each.name] is SecretStr, f"{value.__name__}.{each.name}"
