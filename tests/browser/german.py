"""The words of the console in German, by its own files and, where something stands inside, by those below."""

from functools import cache

from playwright.sync_api import Page

_WITH_SOMETHING_INSIDE = {
    "Enter your email address.": "Geben Sie Ihre E-Mail-Adresse ein.",
    "Enter your password.": "Geben Sie Ihr Passwort ein.",
    "Use at least 8 characters.": "Nehmen Sie mindestens 8 Zeichen.",
    "9 attempts left.": "Noch 9 Versuche.",
    "Manage Authenticator app": "Authenticator-App verwalten",
    "This is your only one.": "Das ist Ihr einziger.",
    "It is called": "Der Name ist jetzt",
    "Your account must have two-factor authentication from": "die Zwei-Faktor-Anmeldung vorgeschrieben, ab",
    "A password reset turns two-factor": "Ein zurückgesetztes Passwort schaltet die Zwei-Faktor-Anmeldung in",
    "Logged in with password": "Angemeldet mit Passwort",
    "goes off on": "wird am",
    "unless you log in with a code before": "wenn Sie sich vorher nicht mit einem Code anmelden",
    "is about to turn two-factor authentication off": "schaltet bald die Zwei-Faktor-Anmeldung aus",
    "a log-in after a password reset turned two-factor authentication off": "Eine Anmeldung nach dem Zurücksetzen hat",
    "Reset your Twokeys password": "Setzen Sie Ihr Passwort bei Twokeys zurück",
}
# Sentences of one language by those of the other, as far as they are whole.
_PAIRS = """async () => {
    const [en, de] = await Promise.all(["en", "de"].map((name) => import(`/console/words/${name}.js`)));
    const pairs = (one, other) => Object.keys(one).flatMap((name) => {
        const [mine, theirs] = [one[name], other[name]].map((it) =>
            (typeof it === "function" && it.length === 0 ? it() : it));
        if (typeof mine === "string") return [[mine, theirs]];
        return typeof mine === "object" ? pairs(mine, theirs) : [];
    });
    return pairs(en.sentences, de.sentences);
}"""
_pairs: dict[str, str] = {}


@cache
def _of_part(words: str) -> str:
    return next((german for english, german in _pairs.items() if words in english), words)


def translated(page: Page, words: str) -> str:
    """Whatever is no sentence of the console, such as an address, stays as it is."""
    if not _pairs:
        _pairs.update(page.evaluate(_PAIRS))
    return _WITH_SOMETHING_INSIDE.get(words) or _pairs.get(words) or _of_part(words)
