"""What people's address may be, where links may lead, and which networks may be trusted."""

import pytest

from app.kernel.network import read_network
from app.kernel.public_url import check_link_template, check_public_url

PUBLIC = "https://id.example.com"


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://id.example.com", "https://id.example.com"),
        ("https://id.example.com/", "https://id.example.com"),
        ("HTTPS://ID.example.com:8443", "https://id.example.com:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_a_public_url_is_an_origin(text: str, origin: str) -> None:
    assert check_public_url(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "id.example.com",
        "ftp://id.example.com",
        "javascript://id.example.com",
        "https://",
        "https://:443",
        "https://id.example.com/auth",
        "https://id.example.com//",
        "https://ann@id.example.com",
        "https://ann:pw@id.example.com",
        "https://id.example.com:0",
        "https://id.example.com:65536",
        "https://id.example.com:port",
        "https://id.example.com:٨",
        "https://id example.com",
        " https://id.example.com",
        "https://id.example.com\n",
        "https://id.example.com?x=1",
        "https://id.example.com#x",
        "https://münchen.example",
        "https://[::1",
    ],
)
def test_what_is_no_origin_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="must be http") as refused:
        check_public_url(text)
    assert "ann" not in str(refused.value)


@pytest.mark.parametrize(
    "template",
    [
        "{public_url}/console/#/password-reset/{token}",
        "https://app.example.com/reset?token={token}",
        "http://localhost:3000/#{token}",
    ],
)
def test_a_link_leads_to_a_page(template: str) -> None:
    assert check_link_template(template, PUBLIC) == template


@pytest.mark.parametrize(
    "template",
    [
        "javascript:{token}",
        "javascript://x/%0a{token}",
        "data:text/html,{token}",
        "{token}",
        "/reset/{token}",
        "https:///reset/{token}",
        "https://{token}",
        "https://{token}.example.com/",
        "https://app.example.com/reset",
        "https://app.example.com/{token}/{token}",
        "https://app.example.com/{token}?email={email}",
        "{public_url}{token}",
        "https://app.example.com/re set/{token}",
        "https://ann@app.example.com/{token}",
        "ftp://app.example.com/{token}",
    ],
)
def test_a_link_that_leads_nowhere_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        check_link_template(template, PUBLIC)


@pytest.mark.parametrize("text", ["10.0.0.7", "10.0.0.0/8", "172.16.0.0/12", "::1", "fc00::/7", "2001:db8::/48"])
def test_a_network_is_read(text: str) -> None:
    assert str(read_network(text)).startswith(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.0.5/8", "10.0.0.0/8"),
        ("2001:db8::1/32", "2001:db8::/32"),
        ("::ffff:10.0.0.7", "without ::ffff:"),
        ("::ffff:10.0.0.0/104", "without ::ffff:"),
        ("0.0.0.0/0", "the whole internet"),
        ("128.0.0.0/1", "the whole internet"),
        ("::/0", "the whole internet"),
        ("2000::/3", "the whole internet"),
        ("proxy", "must be addresses"),
        ("10.0.0.7:80", "must be addresses"),
        ("*", "must be addresses"),
    ],
)
def test_a_network_that_is_none_is_refused_with_a_sentence_that_helps(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^must ") as refused:
        read_network(text)
    assert says in str(refused.value)
