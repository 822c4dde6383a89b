"""Where webhooks may go: every form of an address, and the one that was looked up."""

from ipaddress import ip_address

import pytest

from app.kernel.refusal import FieldError
from app.webhooks.sender import NotSent, Sender
from app.webhooks.targets import TargetRefused, TargetRules
from tests.support.listening import self_signed_and_trusted
from tests.support.receiving import Receiver

pytestmark = pytest.mark.anyio
PUBLIC = TargetRules(insecure=True, private_networks=False)
LOCAL = TargetRules(insecure=True, private_networks=True)
INSIDE = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:1:2:3:4:80ff:fffe]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
)


@pytest.mark.parametrize("host", INSIDE)
async def test_an_address_inside_is_no_target(host: str) -> None:
    with pytest.raises(FieldError):
        PUBLIC.check(f"https://{host}/")
    with pytest.raises(TargetRefused):
        await PUBLIC.addresses(f"https://{host}/")


async def test_a_name_of_an_address_inside_is_no_target() -> None:
    # Those in a form that a name server answers in.
    addresses = [ip_address(host.strip("[]")) for host in INSIDE if ":" in host and "%" not in host]
    for address in (*addresses, ip_address("127.0.0.1"), ip_address("169.254.169.254")):
        rules = TargetRules(insecure=True, private_networks=False, look_up=lambda _, found=address: [found])  # type: ignore[misc] # a default binds it
        rules.check("https://shop.example.com/")
        with pytest.raises(TargetRefused):
            await rules.addresses("https://shop.example.com/")


async def test_an_address_outside_is_a_target() -> None:
    for host in ("93.184.215.14", "[2606:2800:21f:cb07::1]", "[::ffff:93.184.215.14]", "[64:ff9b::5db8:d70e]"):
        PUBLIC.check(f"https://{host}:8443/hooks?shop=1")
        assert await PUBLIC.addresses(f"https://{host}:8443/hooks") == [str(ip_address(host.strip("[]")))]


def test_what_is_no_url_of_a_receiver_is_refused() -> None:
    for url in (
        "",
        "shop.example.com",
        "ftp://shop.example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///hooks",
        "https://ann:secret@shop.example.com/",
        "https://shop.example.com/#top",
        "https://shop.example.com:0/",
        "https://shop.example.com:70000/",
        "https://shop example.com/",
        "https://１２７.0.0.1/",
        "https://exämple.com/",
        "https://[::1/",
        "https://[1.2.3.4]/",
        "https://shop.example.com\\@127.0.0.1/",
        "https://shop.example.com/\n",
        f"https://shop.example.com/{'a' * 2000}",
    ):
        with pytest.raises(FieldError):
            PUBLIC.check(url)
    with pytest.raises(FieldError):
        TargetRules(insecure=False, private_networks=True).check("http://shop.example.com/")


async def test_only_what_is_allowed_of_a_mixed_answer_is_taken() -> None:
    found = [ip_address("10.0.0.1"), ip_address("93.184.215.14")]
    rules = TargetRules(insecure=False, private_networks=False, look_up=lambda _: found)
    assert await rules.addresses("https://shop.example.com/") == ["93.184.215.14"]


async def test_a_host_is_looked_up_once_and_connected_to_there() -> None:
    asked: list[str] = []

    def look_up(host: str) -> list[object]:
        asked.append(host)
        return [ip_address("127.0.0.1")] if len(asked) == 1 else []

    rules = TargetRules(insecure=True, private_networks=True, look_up=look_up)  # type: ignore[arg-type]
    async with Receiver().running() as receiver:
        sender = Sender(rules)
        assert await sender.post(f"http://shop.example.com:{receiver.port}/hooks", {}, b"{}") == 204
    assert asked == ["shop.example.com"]
    assert receiver.received[0].headers["host"] == f"shop.example.com:{receiver.port}"


async def test_the_certificate_must_be_that_of_the_name() -> None:
    server, client = self_signed_and_trusted("shop.example.com")
    rules = TargetRules(insecure=False, private_networks=True, look_up=lambda _: [ip_address("127.0.0.1")])
    sender = Sender(rules, client)
    async with Receiver().running(server) as receiver:
        assert await sender.post(f"https://shop.example.com:{receiver.port}/", {}, b"{}") == 204
        with pytest.raises(NotSent):
            await sender.post(f"https://else.example.com:{receiver.port}/", {}, b"{}")
        with pytest.raises(NotSent):
            await Sender(rules).post(f"https://shop.example.com:{receiver.port}/", {}, b"{}")
    assert len(receiver.received) == 1


async def test_a_host_that_nobody_knows_gets_nothing() -> None:
    rules = TargetRules(insecure=False, private_networks=False, look_up=lambda _: [])
    with pytest.raises(NotSent):
        await Sender(rules).post("https://shop.example.com/", {}, b"{}")
