"""What the events and mails of a request say about it, as one value from the route on."""

from dataclasses import dataclass
from datetime import datetime

from app.kernel.requester import NO_REQUESTER, Requester


@dataclass(frozen=True)
class RequestContext:
    """`at` is the time that the act goes by, whenever its statements run.

    An operator acts by a client of ours, or on the command line under the name that the operating system knows.
    """

    at: datetime
    requester: Requester = NO_REQUESTER
    client_id: str | None = None
    operator: str | None = None
