"""The statements of second factors. What can be used once is spent by one conditional statement."""

from app.two_factor.repository.attempts import COUNT_ATTEMPT, CodeAttempts, limits_at
from app.two_factor.repository.authenticators import Authenticators, spending_step, used_factor_of
from app.two_factor.repository.credentials import Credentials, Registrations, SpentChallenges
from app.two_factor.repository.deadlineless import Deadlineless
from app.two_factor.repository.enrollments import Enrollments
from app.two_factor.repository.seals import SealedSecrets
from app.two_factor.repository.second_factors import SecondFactors, second_factor_of
from app.two_factor.repository.transfers import AuthenticatorTransfers, TransferredApp

__all__ = [
    "COUNT_ATTEMPT",
    "AuthenticatorTransfers",
    "Authenticators",
    "CodeAttempts",
    "Credentials",
    "Deadlineless",
    "Enrollments",
    "Registrations",
    "SealedSecrets",
    "SecondFactors",
    "SpentChallenges",
    "TransferredApp",
    "limits_at",
    "second_factor_of",
    "spending_step",
    "used_factor_of",
]
