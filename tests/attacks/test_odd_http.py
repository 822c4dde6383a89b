"""Odd HTTP/1.1 on a connection of ours: each message is read in one way, however it is cut, or refused."""

import pytest

from tests.attacks.edge_forms import FORMS, NEXT
from tests.attacks.wire_in_memory import exchange

pytestmark = pytest.mark.anyio
REFUSED = ((400,), (405,))


def test_the_corpus_is_large() -> None:
    assert len(FORMS) >= 60
    assert sum(bool(form.taken) for form in FORMS.values()) >= 30


@pytest.mark.parametrize("name", FORMS)
async def test_odd_http_is_read_in_one_way_or_refused(name: str) -> None:
    """Cut between two reads at every byte, and a byte at a time."""
    form = FORMS[name]
    message = form.message
    reads = [[message[:cut], message[cut:]] for cut in range(1, len(message) - len(NEXT) + 1)]
    for each in ([message], [message[at : at + 1] for at in range(len(message))], *reads):
        outcome = await exchange(each)
        assert outcome.requests == form.taken, each[0]
        assert outcome.statuses == tuple(200 for _ in form.taken) or (outcome.statuses in REFUSED and not form.taken)
        assert outcome.is_closed
