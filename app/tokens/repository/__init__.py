"""The statements of tokens."""

from app.tokens.repository.ends import EndRows
from app.tokens.repository.lists import TokenLists, list_of
from app.tokens.repository.tokens import TokenRows, caller_of
from app.tokens.repository.uses import UseRows

__all__ = ["EndRows", "TokenLists", "TokenRows", "UseRows", "caller_of", "list_of"]
