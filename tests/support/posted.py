"""What waits in the outbox, opened: the mails as they would be sent."""

from dataclasses import dataclass

from sqlalchemy import select

from app.mail.domain import MailContext, unpack
from app.mail.tables import outbox
from app.services import Services


@dataclass(frozen=True)
class Posted:
    kind: str
    context: MailContext

    @property
    def to(self) -> str:
        return self.context.to

    @property
    def token(self) -> str:
        return str(self.context.facts["token"])


async def posted(services: Services, *kinds: str) -> list[Posted]:
    """All, or those of these kinds, the oldest first, once the worker has answered what waits."""
    await services.password_reset.answer_requests()
    await services.email_change.answer_requests()
    query = select(outbox.c.account_id, outbox.c.letter, outbox.c.sealed, outbox.c.created_at).order_by(outbox.c.id)
    async with services.database.autocommit() as connection:
        rows = (await connection.execute(query)).all()
    box = services.secret_box
    found = [Posted(row.letter, unpack(box.open(row.sealed, owner=row.account_id), at=row.created_at)) for row in rows]
    return [each for each in found if not kinds or each.kind in kinds]
