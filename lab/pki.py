"""Certificates and keys of a lab's API server: made once per instance, and good for nothing outside it."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from automation.private import write_private

SERVICE_IP: Final = "10.96.0.1"
"""Address of the `kubernetes` service: the first one of the service range."""
_VALID: Final = datetime.timedelta(days=365)
_SKEW: Final = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class Pki:
    """Files in PEM: the authority, the server's and the administrator's pair, and the key of service account tokens."""

    folder: Path

    @property
    def authority(self) -> Path:
        """Certificate that signs the others; its key is not kept."""
        return self.folder / "ca.crt"

    @property
    def server(self) -> tuple[Path, Path]:
        """Certificate and key of the API server."""
        return self.folder / "server.crt", self.folder / "server.key"

    @property
    def admin(self) -> tuple[Path, Path]:
        """Certificate and key of the administrator (group system:masters)."""
        return self.folder / "admin.crt", self.folder / "admin.key"

    @property
    def tokens(self) -> Path:
        """Key that signs service account tokens; must stay, or every token made so far is refused."""
        return self.folder / "tokens.key"

    def ensure(self) -> None:
        """Make whatever is missing; the authority is written last, so that half a set is made anew."""
        if self.authority.exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("lab")
        root = _builder(name, name, key.public_key())
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        addresses = [ipaddress.ip_address(address) for address in ("127.0.0.1", SERVICE_IP)]
        hosts = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        names: list[x509.GeneralName] = [*map(x509.IPAddress, addresses), *map(x509.DNSName, hosts)]
        self._issue(self.server, key, _name("kube-apiserver"), ExtendedKeyUsageOID.SERVER_AUTH, names)
        self._issue(self.admin, key, _name("lab-admin", "system:masters"), ExtendedKeyUsageOID.CLIENT_AUTH, [])
        write_private(self.tokens, _key(ec.generate_private_key(ec.SECP256R1())))
        write_private(self.authority, _certificate(root.sign(key, hashes.SHA256())))

    def _issue(
        self,
        pair: tuple[Path, Path],
        authority: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        names: list[x509.GeneralName],
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, _name("lab"), key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        write_private(pair[0], _certificate(builder.sign(authority, hashes.SHA256())))
        write_private(pair[1], _key(key))


def _name(common: str, organization: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _VALID)
    )


def _certificate(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key(key: ec.EllipticCurvePrivateKey) -> str:
    # In the older of the two PEM forms, since kube-apiserver reads elliptic keys for tokens in no other.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
