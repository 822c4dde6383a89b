"""Settings: read once, refused in one line where they can only yield something dead, and never misspelt in silence."""

from pathlib import Path

import pytest

from app.settings import Settings, SettingsRefused, load_settings, unknown_names

KEY = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBgoM="
SECONDS = sorted(name for name in Settings.model_fields if name.endswith("_seconds"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, where no `.env` of anybody's is found."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    with pytest.raises(SettingsRefused) as refused:
        load_settings()
    message = str(refused.value)
    assert "\n" not in message
    assert refused.value.__cause__ is None
    return message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "https://id.example.com/auth"),
        ("PUBLIC_URL", "https://id.example.com:99999"),
        ("PASSWORD_RESET_LINK", "javascript:{token}"),
        ("ARGON2_MEMORY_KIB", "8"),
        ("TRUSTED_PROXIES", "10.0.0.1,0.0.0.0/0"),
        ("CORS_ORIGINS", "https://app.example.com:99999"),
        ("SESSION_MAX_SECONDS", "999999999999"),
        ("EVENT_RETENTION_DAYS", "999999999"),
        ("SESSIONS_PER_ACCOUNT", "99999999999"),
        ("WRONG_CODES_PER_ACCOUNT", "101"),
        ("ISSUER", " "),
        ("SMTP_URL", "smtp://ann:s3cret\n@mail.example.com"),
    ],
)
def test_a_setting_that_can_only_yield_something_dead_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TWOKEYS_{name}", value)
    assert f"TWOKEYS_{name}" in refusal()


@pytest.mark.parametrize("name", SECONDS)
def test_every_setting_in_seconds_takes_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"TWOKEYS_{name.upper()}", "1")
    assert getattr(load_settings(), name) == 1


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("TWOKEYS_PASSWORD_MIN_LENGHT", "TWOKEYS_PASSWORD_MIN_LENGTH"),
        ("TWOKEYS_PASSWORD_MINIMUM_LENGTH", "TWOKEYS_PASSWORD_MIN_LENGTH"),
        ("TWOKEYS_SECRET_KEY", "TWOKEYS_SECRET_KEYS"),
        ("TWOKEYS_DATABASE_URI", "TWOKEYS_DATABASE_URL"),
        ("TWOKEYS_DATABASE_URL_FIEL", "TWOKEYS_DATABASE_URL_FILE"),
        ("TWOKEYS_TRUSTED_PROXY", "TWOKEYS_TRUSTED_PROXIES"),
        ("TWOKEYS_DISABLE_REQUIRE_CODE", "TWOKEYS_DISABLE_REQUIRES_CODE"),
        ("twokeys_isuer", "TWOKEYS_ISSUER"),
        ("TWO_KEYS_ISSUER", "TWOKEYS_ISSUER"),
        ("TWOKEY_ISSUER", "TWOKEYS_ISSUER"),
    ],
)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_misspelt_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, folder: Path, place: str, wrong: str, right: str
) -> None:
    if place == "environment":
        monkeypatch.setenv(wrong, "12")
    else:
        (folder / ".env").write_text(f"{wrong}=12\n")
    assert refusal() == f"{wrong.upper()} is no setting; {right} is one."


def test_a_name_that_is_no_setting_is_reported(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("TWOKEYS_VERSION", "1.1")
    (folder / ".env").write_text("TWOKEYS_REPLICAS=2\nPOSTGRES_PASSWORD=x\n")
    load_settings()
    assert {"TWOKEYS_REPLICAS", "TWOKEYS_VERSION"} <= set(unknown_names())
    assert "POSTGRES_PASSWORD" not in unknown_names()


@pytest.mark.parametrize(
    "name",
    [
        "TWOKEYS_SERVICE_HOST",
        "TWOKEYS_SERVICE_PORT_HTTP",
        "TWOKEYS_PORT",
        "TWOKEYS_PORT_8000_TCP_ADDR",
        "TWOKEYS_WORKER_SERVICE_HOST",
        "TWOKEYS_WORKER_PORT_8000_TCP",
    ],
)
def test_what_kubernetes_adds_is_not_reported(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "tcp://10.0.0.1:8000")
    load_settings()
    assert name not in unknown_names()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("TWOKEYS_ISSUER=Acme".encode("utf-16"), ".env: the file must be UTF-8"),
        ("TWOKEYS_ISSUER=Acme".encode("utf-16-le"), ".env: the file must be UTF-8"),
        ("TWOKEYS_ISSUER=Sämtlich".encode("latin-1"), ".env: the file must be UTF-8"),
        (b"TWOKEYS_ISSUER=Acme\nTWOKEYS_MAIL 'off'\n", ".env: line 2"),
    ],
)
def test_an_env_file_that_can_not_be_read_is_refused(folder: Path, content: bytes, says: str) -> None:
    (folder / ".env").write_bytes(content)
    assert refusal().startswith(says)


def test_an_env_file_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    (folder / ".env").write_bytes("TWOKEYS_ISSUER=Sämtlich\r\n".encode("utf-8-sig"))
    assert load_settings().issuer == "Sämtlich"


def test_an_env_file_is_taken_as_it_stands(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("NAME", "Acme")
    (folder / ".env").write_text("TWOKEYS_ISSUER=${NAME}\n")
    assert load_settings().issuer == "${NAME}"


def test_the_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / ".env").write_text("TWOKEYS_ISSUER=File\nTWOKEYS_DOCS=true\n")
    monkeypatch.setenv("TWOKEYS_ISSUER", "Environment")
    monkeypatch.setenv("TWOKEYS_DOCS", "")
    assert (load_settings().issuer, load_settings().docs) == ("Environment", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://ann:hunter2@db/keys"),
        ("SECRET_KEYS", KEY),
        ("SMTP_URL", "smtp://ann:hunter2@mail.example.com"),
    ],
)
def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, value: str) -> None:
    (folder / "secret").write_text(f"{value}\n")
    monkeypatch.setenv(f"TWOKEYS_{name}_FILE", "secret")
    found = getattr(load_settings(), name.lower())
    assert [each.get_secret_value() for each in (found if isinstance(found, tuple) else [found])] == [value]
    assert f"TWOKEYS_{name}_FILE" not in unknown_names()
    monkeypatch.setenv(f"TWOKEYS_{name}", value)
    assert refusal() == f"TWOKEYS_{name}_FILE and TWOKEYS_{name} are both set; choose one."


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, folder: Path, content: bytes | None
) -> None:
    if content is not None:
        (folder / "secret").write_bytes(content)
    monkeypatch.setenv("TWOKEYS_DATABASE_URL_FILE", "secret")
    assert refusal().startswith("TWOKEYS_DATABASE_URL_FILE")
