"""A security key or passkey of Chromium's own, over its developer tools (CDP, domain WebAuthn)."""

import time
from dataclasses import dataclass
from typing import Any, Self

from playwright.sync_api import CDPSession, Page

from tests.support.marks import PATIENCE


@dataclass(frozen=True)
class VirtualKey:
    _tools: CDPSession
    _id: str

    @classmethod
    def plugged_into(cls, page: Page, **options: object) -> Self:
        """A platform authenticator that knows its user, unless `options` say otherwise."""
        tools = page.context.new_cdp_session(page)
        tools.send("WebAuthn.enable")
        usual = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        made = tools.send("WebAuthn.addVirtualAuthenticator", {"options": usual | options})
        return cls(tools, made["authenticatorId"])

    def verify_nobody(self) -> None:
        """The wrong finger."""
        self._send("WebAuthn.setUserVerified", isUserVerified=False)

    def touched_by_nobody(self) -> None:
        """It waits for a finger until the browser's time is over."""
        self._send("WebAuthn.setAutomaticPresenceSimulation", enabled=False)

    def hold_nothing(self) -> None:
        """As a key that was never registered here."""
        self._send("WebAuthn.clearCredentials")

    def unplug(self) -> None:
        self._send("WebAuthn.removeVirtualAuthenticator")

    def credentials(self) -> list[dict[str, Any]]:
        return list(self._send("WebAuthn.getCredentials")["credentials"])

    def wait_until_empty(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.credentials():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def hold_alone(self, credential: dict[str, Any]) -> None:
        """Holds a copy that was taken before, its counter included."""
        self.hold_nothing()
        self._send("WebAuthn.addCredential", credential=credential)

    def _send(self, method: str, **parameters: object) -> dict[str, Any]:
        return dict(self._tools.send(method, {"authenticatorId": self._id} | parameters))
