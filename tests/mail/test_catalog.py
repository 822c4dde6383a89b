"""Texts and looks of mails per language: ours, and an operator's in their place."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache
from html import unescape
from pathlib import Path

import pytest

from app.kernel.randomness import new_id
from app.kernel.requester import Requester
from app.mail.catalog import BrokenTemplate
from app.mail.domain import MailContext, MailKind, examples_of
from app.mail.rendering import MailTemplates

TEMPLATES = Path(__file__).parents[2] / "app" / "mail" / "templates"
AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
BROWSER = Requester("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
WHOLE = "{% block subject %}S{% endblock %}{% block body %}B{% endblock %}{% block advice %}A{% endblock %}"


@cache
def templates(folder: Path | None = None, **more: str) -> MailTemplates:
    return MailTemplates(
        issuer="Acme & Söhne <b>",
        mail_from="a@example.com",
        public_url="https://id.example.com",
        folder=folder,
        **more,
    )


def a_mail(mails: MailTemplates, kind: MailKind, locale: str | None) -> EmailMessage:
    facts = {**next(examples_of(kind)), "not_me": "tkn_" + "n" * 43}
    return mails.render(kind, MailContext("ann@example.com", AT, BROWSER, facts, locale=locale), id=new_id())


def text_of(message: EmailMessage, subtype: str = "plain") -> str:
    part = message.get_body((subtype,))
    assert part is not None
    return str(part.get_content())


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_our_own_templates_are_whole_and_say_every_kind_in_every_language() -> None:
    mails = templates()
    mails.check()
    assert mails.languages == ["en", "de"]
    names = [{path.name for path in (TEMPLATES / language).iterdir()} for language in mails.languages]
    assert names[0] == names[1] == {"words.txt", *(f"{kind}.txt" for kind in MailKind)}


@pytest.mark.parametrize("kind", MailKind)
def test_a_german_mail_is_german_throughout(kind: MailKind) -> None:
    message = a_mail(templates(), kind, "de-AT")

    assert message["Content-Language"] == "de"
    assert message["Subject"] != a_mail(templates(), kind, None)["Subject"]
    for subtype in ("plain", "html"):
        text = text_of(message, subtype)
        assert all(words in text for words in ("1. März 2026, 12:30:00 UTC", "Firefox unter Linux", "Wann", "Gerät"))
        assert not re.search(r"\b(the|your|account|this)\b", text)


@pytest.mark.parametrize(
    ("locale", "language"), [(None, "en"), ("de", "de"), ("de-Latn-CH", "de"), ("fr-CA", "en"), ("DE", "de")]
)
def test_a_mail_is_in_the_nearest_language(locale: str | None, language: str) -> None:
    assert a_mail(templates(), MailKind.PASSWORD_CHANGED, locale)["Content-Language"] == language


@pytest.mark.parametrize("kind", MailKind)
def test_both_forms_say_the_same(kind: MailKind) -> None:
    message = a_mail(templates(), kind, None)
    html = unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", text_of(message, "html"), flags=re.DOTALL))
    plain = text_of(message).removeprefix("Hello,")
    paragraphs = [" ".join(text.split()) for text in plain.split("\n\n") if "  When:" not in text]
    for sentence in (each for text in paragraphs for each in text.split(". ") if "://" not in each):
        assert sentence in " ".join(html.split())


def test_what_is_filled_in_is_escaped_in_html() -> None:
    html = text_of(a_mail(templates(), MailKind.PASSWORD_CHANGED, None), "html")
    assert "Acme &amp; Söhne &lt;b&gt;" in html
    assert "<b>" not in html


def test_a_notice_links_to_the_page_where_it_was_somebody_else() -> None:
    link = "https://id.example.com/console/#/not-me/tkn_" + "n" * 43
    message = a_mail(templates(), MailKind.PASSWORD_CHANGED, None)
    assert f"This wasn't me:\n{link}\n" in text_of(message)
    assert f'href="{link}"' in text_of(message, "html")


def test_a_notice_of_the_release_before_leads_to_a_reset() -> None:
    context = MailContext("ann@example.com", AT, BROWSER, {})
    message = templates().render(MailKind.PASSWORD_CHANGED, context, id=new_id())
    assert 'Reset your password with "Forgot password?"' in " ".join(text_of(message).split())


def test_a_mail_needs_no_picture_and_asks_nobody() -> None:
    html = text_of(a_mail(templates(), MailKind.PASSWORD_RESET, None), "html")
    assert not re.search(r"<img|<script|<link|url\(|@import|src=", html)
    assert "prefers-color-scheme: dark" in html


@pytest.mark.parametrize(("accent", "on_it"), [("#0a6b4f", "#ffffff"), ("#ffd400", "#000000"), ("#FFFFFF", "#000000")])
def test_a_button_is_readable_on_any_accent(accent: str, on_it: str) -> None:
    html = text_of(a_mail(templates(accent_color=accent), MailKind.PASSWORD_RESET, None), "html")
    assert f"background:{accent};color:{on_it}" in html


@pytest.mark.parametrize(
    ("policy", "says"),
    [("clears_two_factor", "turns it off"), ("requires_second_factor", "you also need a code")],
)
def test_a_reset_mail_tells_what_becomes_of_two_factor(policy: str, says: str) -> None:
    mails = templates(reset_policy=policy)
    assert says in " ".join(text_of(a_mail(mails, MailKind.PASSWORD_RESET, None)).split())


def test_an_operator_replaces_texts_looks_and_adds_languages(tmp_path: Path) -> None:
    put(tmp_path, "en/password_changed.txt", WHOLE.replace("B", "Ours, {{ issuer }}."))
    put(tmp_path, "fr/words.txt", (TEMPLATES / "en" / "words.txt").read_text().replace("When", "Quand"))
    put(tmp_path, "fr/password_changed.txt", WHOLE.replace("S", "Sujet"))
    put(tmp_path, "de/layout.html", "<p>{{ body | join }}</p>")
    put(tmp_path, "..data/unrelated", "as Kubernetes mounts it")
    put(tmp_path, "_shared.txt", "for includes")

    mails = templates(tmp_path)

    assert mails.languages == ["en", "de", "fr"]
    assert "Ours, Acme & Söhne <b>." in text_of(a_mail(mails, MailKind.PASSWORD_CHANGED, None))
    french = a_mail(mails, MailKind.PASSWORD_CHANGED, "fr-CA")
    assert (french["Subject"], french["Content-Language"]) == ("Sujet", "fr")
    assert "Quand:" in text_of(french)
    assert a_mail(mails, MailKind.TWO_FACTOR_ENABLED, "fr-CA")["Content-Language"] == "en"
    assert text_of(a_mail(mails, MailKind.PASSWORD_CHANGED, "de"), "html").startswith("<p>Das Passwort")


def _broken() -> Iterator[tuple[str, str, str]]:
    name = "en/password_changed.txt"
    yield name, "\n\n{% if %}", f"{name}, line 3: "
    yield name, WHOLE.replace("B", "\n{{ nobody }}"), f"{name}, line 2: there is no 'nobody' here"
    yield (
        name,
        WHOLE.replace("B", "\n{% if times > 5 %}\n{{ nobody }}{% endif %}"),
        f"{name}, line 3: there is no 'nobody'",
    )
    yield name, WHOLE.replace("B", "{{ link }}"), f"{name}, line 1: 'link' is undefined"
    yield name, WHOLE.replace("B", "\n\n{{ 1 // 0 }}"), f"{name}, line 3: ZeroDivisionError"
    yield name, WHOLE.replace("B", "\n{{ ''.__class__.__mro__ }}"), f"{name}, line 2: "
    yield name, WHOLE.replace("B", "{% include 'words.html' %}"), f"{name}, line 1: "
    yield name, "{% block subject %}S{% endblock %}", f"{name}, line 1: the block 'advice' is missing"
    yield name, WHOLE + "\n{% block advise %}x{% endblock %}", f"{name}, line 2: there is no block 'advise'"
    yield "en/words.txt", "{% block when %}When{% endblock %}", "en/words.txt, line 1: the block 'account' is missing"
    yield "en/pasword_changed.txt", WHOLE, "belongs to no mail"
    yield "layout.htm", "x", "belongs to no mail"
    yield "layout.html", "<p>\n{{ boddy }}", "layout.html, line 2: 'boddy' is undefined"
    yield "fr/password_changed.txt", WHOLE, "words.txt is missing"
    yield "german/password_changed.txt", WHOLE, "is not named after a language"
    yield "pt-br/password_changed.txt", WHOLE, "must be spelled pt-BR"


@pytest.mark.parametrize(("name", "text", "says"), list(_broken()))
def test_a_broken_template_is_refused_with_its_file_and_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    put(tmp_path, name, text)
    with pytest.raises(BrokenTemplate) as refused:
        templates(tmp_path)
    assert says in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenTemplate, match="is not a folder"):
        templates(tmp_path / "nowhere")
