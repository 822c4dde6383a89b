"""Certificates that nobody has a reason to trust."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_BEGINS = datetime(2020, 1, 1, tzinfo=UTC)
_ENDS = _BEGINS + timedelta(days=36500)


def self_signed(host: str) -> ssl.SSLContext:
    """A server's TLS context with a certificate for `host` that is its own authority."""
    return self_signed_and_trusted(host)[0]


def self_signed_and_trusted(host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The same, and the context of a client that trusts this certificate and no other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder, "chain.pem")
        chain.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(chain)
    public = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return context, ssl.create_default_context(cadata=public)
