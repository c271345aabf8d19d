"""WeChat's message encryption, written with care for what an attacker may send.

Secure mode: key = base64(EncodingAESKey + "="), AES-256-CBC, IV = the key's first 16 bytes, PKCS#7 to blocks of **32**;
plaintext = 16 random bytes + message length (4 bytes, network order) + message + appid. The signature is
sha1 over the sorted token, timestamp, nonce and ciphertext, joined. It is checked before anything is decrypted, so that
padding errors cannot be used as an oracle. Source: developers.weixin.qq.com, 消息推送 / 消息加解密.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kernel.errors import Code, NotAuthenticated

BLOCK = 32
_RANDOM, _LENGTH = 16, 4


@dataclass(frozen=True, slots=True)
class PushSettings:
    """The push configuration of one mini-program: ``token`` 3..32 characters, ``encoding_aes_key`` 43 characters."""

    appid: str
    token: str = field(repr=False)
    encoding_aes_key: str = field(repr=False)


def bad_signature(reason: str) -> NotAuthenticated:
    """401 BAD_SIGNATURE; the reason goes to the log, and to nobody who sent such a request."""
    error = NotAuthenticated(Code.BAD_SIGNATURE)
    error.add_note(reason)
    return error


class PushCipher:
    """Signs, encrypts and decrypts for one mini-program. ``random_bytes(n)`` gives n bytes."""

    def __init__(self, settings: PushSettings, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        try:
            self._key = base64.b64decode(settings.encoding_aes_key + "=", validate=True)
        except binascii.Error as error:
            raise ValueError("encoding_aes_key is not base64") from error
        if len(self._key) != 32:
            raise ValueError("encoding_aes_key must have 43 characters")
        self._appid = settings.appid.encode()
        self._token = settings.token
        self._random_bytes = random_bytes

    def sign(self, *parts: str) -> str:
        """sha1 over the sorted token and parts, hexadecimal. WeChat prescribes sha1; the secret is the token in it."""
        return hashlib.sha1("".join(sorted((self._token, *parts))).encode(), usedforsecurity=False).hexdigest()

    def is_signed(self, signature: str, *parts: str) -> bool:
        return hmac.compare_digest(self.sign(*parts).encode(), signature.encode())

    def encrypt(self, message: bytes) -> str:
        """Base64 of the ciphertext of one message to this mini-program."""
        # The official example uses 16 printable characters; so do we, for parsers that expect text.
        plain = self._random_bytes(_RANDOM // 2).hex().encode()
        plain += len(message).to_bytes(_LENGTH, "big") + message + self._appid
        padding = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()

    def decrypt(self, encrypted: str) -> bytes:
        """The message. Raises NotAuthenticated (BAD_SIGNATURE) for anything not encrypted for this mini-program."""
        try:
            data = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError) as error:
            raise bad_signature("ciphertext is not base64") from error
        if not data or len(data) % 16:
            raise bad_signature("ciphertext is not whole AES blocks")
        decryptor = self._cipher().decryptor()
        return self._message(_unpadded(decryptor.update(data) + decryptor.finalize()))

    def _message(self, plain: bytes) -> bytes:
        start = _RANDOM + _LENGTH
        if len(plain) < start:
            raise bad_signature("plaintext is too short")
        end = start + int.from_bytes(plain[_RANDOM:start], "big")
        if end > len(plain):
            raise bad_signature("message length exceeds the plaintext")
        if not hmac.compare_digest(plain[end:], self._appid):
            raise bad_signature("encrypted for another appid")
        return plain[start:end]

    def _cipher(self) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))


def _unpadded(plain: bytes) -> bytes:
    padding = plain[-1]
    if not 1 <= padding <= BLOCK or padding > len(plain):
        raise bad_signature("padding out of range")
    if not hmac.compare_digest(plain[-padding:], bytes([padding]) * padding):
        raise bad_signature("padding bytes differ")
    return plain[:-padding]
