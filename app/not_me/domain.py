"""What can be refused about a link "This wasn't me"."""

from app.kernel.refusal import Gone


class NotMeLinkInvalid(Gone):
    """The same for unknown, used and expired."""

    code = "not_me_link_invalid"
    title = "This link is no longer good."
