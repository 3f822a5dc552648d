"""GrowthBook's encryption of documents: AES-128-CBC. It hides them from a glance, since every client has the key."""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7


def encrypted(plain: bytes, key: str) -> str:
    """`base64(iv).base64(ciphertext)`. The key is 16 bytes in base64.

    The initialisation vector comes from the text, so that all processes write one text alike, under one ETag.
    """
    secret = b64decode(key)
    vector = hmac.digest(secret, plain, sha256)[:16]
    padder = PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(AES128(secret), CBC(vector)).encryptor()
    sealed = encryptor.update(padded) + encryptor.finalize()
    return f"{b64encode(vector).decode()}.{b64encode(sealed).decode()}"
