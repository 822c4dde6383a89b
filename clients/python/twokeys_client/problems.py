"""What the service answers besides what was asked for."""

from typing import TypeVar

from twokeys_client.wire.models import Problem

T = TypeVar("T")


class Refused(Exception):
    """The service said no. `problem.code` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


class Unanswered(Exception):
    """Nothing was done, or nobody knows. Asking again is safe."""


def expect(answer: T | Problem | None) -> T:
    """What was asked for. Raises Refused and Unanswered."""
    if isinstance(answer, Problem):
        raise Refused(answer) if answer.status < 500 else Unanswered(answer.code)  # noqa: PLR2004
    if answer is None:
        raise Unanswered
    return answer
