"""Reading TWOKEYS_DATABASE_URL: what libpq takes is taken, and no refusal holds a part of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.database_url import DatabaseHost, UrlUnreadable, read_database_url

PASSWORDS = ["p#w", "p[w", "p]w", "[", "#?", "p@w", "p:w", "p?w=1&x", "%23", "50%", "sämtlich", "a b", "p,w"]


@pytest.mark.parametrize("password", PASSWORDS)
def test_special_characters_of_a_password_need_no_escape(password: str) -> None:
    url = read_database_url(f"postgresql://ann:{password}@db.example.com:5433/keys")
    assert url.password == ("#" if password == "%23" else password)
    assert (url.user, url.database, url.hosts) == ("ann", "keys", (DatabaseHost("db.example.com", 5433),))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hunter2",
        "mysql://ann:hunter2@db/keys",
        "postgresql://ann:hunter2/x@db/keys",
        "postgresql://ann:12/hunter2@db/keys",
        "postgresql://ann:hunter2@db:port/keys",
        "postgresql://ann:hunter2@db:99999/keys",
        "postgresql://ann:hunter2@[::1/keys",
        "postgresql://ann:hunter2@db:0/keys",
        "postgresql://ann:hunter2@db:٥٤/keys",
        "postgresql://ann:hunter2%00@db/keys",
        "postgresql://ann:hunter2%ff@db/keys",
        "postgresql://ann:hunter2\ud800@db/keys",
        "postgresql://ann:hunter2@a,,b/keys",
        "postgresql://db/keys?hunter2",
        "postgresql://db/keys?hunter2@x=1",
        "postgresql://db/keys?host=a,b&port=1,2,3&password=hunter2",
        "postgresql://db/keys?sslmode=hunter2",
        "postgresql://db/keys?target_session_attrs=hunter2",
        "postgresql://db/keys?connect_timeout=hunter2",
        "postgresql://db/keys?channel_binding=require",
        "postgresql://db/keys?require_auth=scram-sha-256",
        "postgresql://db/keys?gssencmode=require",
        "postgresql://db/keys?sslrootcert=system&sslmode=require",
    ],
)
def test_what_can_not_be_read_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UrlUnreadable, match=r"^(must|can't) ") as refused:
        read_database_url(url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"postgresql://{text}", f"postgresql://a:{text}@db/keys", f"postgresql://db/keys?{text}"):
        try:
            read_database_url(url)
        except UrlUnreadable:
            continue


@pytest.mark.parametrize(
    "parameters",
    [
        "channel_binding=prefer",
        "connect_timeout=7",
        "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=5000",
        "gssencmode=disable",
        "load_balance_hosts=random",
        "fallback_application_name=shop",
        "sslrootcert=system",
        "sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "client_encoding=UTF8",
    ],
)
def test_parameters_of_libpq_are_no_settings_of_the_session(parameters: str) -> None:
    url = read_database_url(f"postgresql://ann@db/keys?{parameters}")
    assert url.session.keys() == {"application_name"}


def test_parameters_that_say_how_to_connect_are_followed() -> None:
    url = read_database_url(
        "postgres://ann@a,b:5433,[::1]/keys?connect_timeout=7&load_balance_hosts=random&sslrootcert=system"
        "&target_session_attrs=read-write&fallback_application_name=shop&search_path=auth"
    )
    assert url.hosts == (DatabaseHost("a", None), DatabaseHost("b", 5433), DatabaseHost("::1", None))
    assert (url.connect_seconds, url.in_random_order, url.trusts_system) == (7, True, True)
    assert url.session_attributes == "read-write"
    assert url.session == {"application_name": "shop", "search_path": "auth"}


def test_hosts_may_stand_among_the_parameters() -> None:
    url = read_database_url("postgresql://ann@/keys?host=/run/a,/run/b&port=5433")
    assert url.hosts == (DatabaseHost("/run/a", 5433), DatabaseHost("/run/b", 5433))
    assert read_database_url("postgresql://a,b/keys?port=1,2").hosts == (DatabaseHost("a", 1), DatabaseHost("b", 2))
    assert read_database_url("postgresql://%2Frun%2Fa/keys").hosts == (DatabaseHost("/run/a", None),)


def test_a_url_shows_no_password() -> None:
    assert "hunter2" not in repr(read_database_url("postgresql://ann:hunter2@db/keys?sslpassword=hunter2"))
