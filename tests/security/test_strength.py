"""Estimating how guessable a password is: what takes long on chosen text stands in nobody's way."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from app.kernel.refusal import Overloaded
from app.security.hasher import prepared
from app.security.strength import LOOKED_AT, StrengthEstimator

pytestmark = pytest.mark.anyio

# A quarter of a second for zxcvbn, which does not let go of the interpreter.
DEAR = "<!945064$0!!&8&|5{&![8+17+10&264&%(+4+8@"


@pytest.fixture
async def estimator() -> AsyncIterator[StrengthEstimator]:
    made = StrengthEstimator()
    yield made
    made.close()


async def test_the_event_loop_turns_while_a_dear_text_is_estimated(estimator: StrengthEstimator) -> None:
    await estimator.estimate(DEAR, [])
    estimating = asyncio.create_task(estimator.estimate(DEAR, []))
    turns = 0
    while not estimating.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 500
    assert (await estimating)[0] == 4


async def test_a_dear_text_and_a_quick_one_are_estimated_alike(estimator: StrengthEstimator) -> None:
    assert await estimator.estimate("password", []) == (0, "This is a top-10 common password.")
    assert (await estimator.estimate("tangled-orchid-basement-41", []))[0] == 4
    assert (await estimator.estimate("twokeys-4@8({[<3", ["twokeys-4@8({[<3"]))[0] == 0
    assert (await estimator.estimate("p4$$w0rd123456789", []))[0] < 3


async def test_the_end_of_a_very_long_text_is_not_looked_at(estimator: StrengthEstimator) -> None:
    assert (await estimator.estimate("a" * LOOKED_AT + "tangled-orchid-basement-41", []))[0] < 3


async def test_few_may_wait_for_an_estimate(estimator: StrengthEstimator) -> None:
    answers = await asyncio.gather(*(estimator.estimate("a", []) for _ in range(40)), return_exceptions=True)
    assert sum(isinstance(answer, Overloaded) for answer in answers) == 24
    assert (await estimator.estimate("password", []))[0] == 0


async def test_a_process_that_died_is_replaced(estimator: StrengthEstimator) -> None:
    await estimator.estimate(DEAR, [])
    assert estimator._process
    estimator._process.kill()
    estimator._process.wait()
    with pytest.raises(Overloaded):
        await estimator.estimate(DEAR, [])
    assert (await estimator.estimate(DEAR, []))[0] == 4


async def test_the_process_ends_with_the_service(estimator: StrengthEstimator) -> None:
    await estimator.estimate(DEAR, [])
    process = estimator._process
    assert process
    assert process.poll() is None
    estimator.close()
    assert process.poll() is not None


def test_a_password_of_thousands_of_accents_is_not_put_in_order() -> None:
    """NFC takes a second and a half for these; no such password is taken or verified anyway."""
    password = "a" + "\u0301\u0316" * 10_000
    assert prepared(SecretStr(password)).get_secret_value() == password
    assert prepared(SecretStr("e\u0301" * 256)).get_secret_value() == "\xe9" * 256
