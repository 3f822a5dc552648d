"""Keys: made, digested, sealed. A key is 256 random bits, shown once and stored as its SHA-256."""

import base64
from hashlib import sha256
from secrets import token_bytes, token_urlsafe

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tenants.roles import Kind

# Flagsmith's SDKs evaluate locally only with a key that begins with "ser."; GrowthBook's expect "sdk-".
PREFIXES = {Kind.CLIENT: "sdk-", Kind.SERVER: "ser.", Kind.MANAGE: "man.", Kind.SIGNING: "sig."}
API_TOKEN_PREFIX = "api."  # noqa: S105  the way a token begins, not a token
SIGNING_NAME = "signing:"
"""Before the name of a signing key, where it is looked up by its name because the key itself never travels."""
_HINT_LENGTH = 10


def new_key(prefix: str) -> str:
    """A fresh key of 256 random bits, safe in URLs and headers."""
    return prefix + token_urlsafe(32)


def digest(key: str) -> str:
    """What is stored of a key. Random keys of 256 bits need no slow hash."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def hint(key: str) -> str:
    """The few first characters by which people tell keys apart."""
    return key[:_HINT_LENGTH]


def new_encryption_key() -> str:
    """A fresh key for AES-128, in base64 as GrowthBook's SDKs expect it."""
    return base64.b64encode(token_bytes(16)).decode()


def seal(key: str) -> str:
    """Encrypt a signing key for storage."""
    return _box().encrypt(key.encode()).decode()


def unseal(sealed: str) -> str | None:
    """A signing key as it was issued; None if no secret of this installation opens it."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _box() -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _derived(secret: str) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"switchyard signing credentials")
    return base64.urlsafe_b64encode(key.derive(secret.encode()))
