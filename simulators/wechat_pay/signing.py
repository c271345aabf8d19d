"""WeChat Pay's side of the signatures and of the encryption of API v3.

Source: pay.weixin.qq.com/doc/v3/merchant, 如何构造接口请求签名, 如何验证签名, 如何加密敏感信息 / 解密回调报文.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
import secrets
import string

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from simulators.wechat_pay.keys import Keys

SKEW = 300  # seconds
SCHEME = "WECHATPAY2-SHA256-RSA2048"
PROBE = "WECHATPAY/SIGNTEST/"
_ITEM = re.compile(r'([a-z_]+)="([^"]*)"')
_WANTED = {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}


class BadSignature(Exception):
    """Why a request is answered with 401 SIGN_ERROR."""


class Signer:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._private = _rsa(keys.platform_private_key)
        self._merchant = _rsa(keys.merchant_private_key).public_key()
        self._cipher = AESGCM(keys.apiv3_key.encode())

    def check(self, authorization: str, method: str, target: str, body: bytes, mchid: str, now: float) -> None:
        """Verify a request; ``target`` is path and query as they came. Raises BadSignature."""
        scheme, _, rest = authorization.partition(" ")
        items = dict(_ITEM.findall(rest))
        if scheme != SCHEME or set(items) != _WANTED:
            raise BadSignature("Authorization 格式错误")
        if items["mchid"] != mchid or items["serial_no"] != self._keys.merchant_serial:
            raise BadSignature("商户号或证书序列号错误")
        stamp = items["timestamp"]
        if not stamp.isdigit() or abs(int(stamp) - now) > SKEW:
            raise BadSignature("时间戳已过期")
        message = f"{method}\n{target}\n{stamp}\n{items['nonce_str']}\n".encode() + body + b"\n"
        try:
            signature = base64.b64decode(items["signature"], validate=True)
            self._merchant.verify(signature, message, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error) as error:
            raise BadSignature("签名错误") from error

    def headers(self, body: bytes, now: float, *, probe: bool = False) -> dict[str, str]:
        """The Wechatpay- headers of an answer or a notification; a probe's signature is wrong on purpose."""
        stamp, nonce = str(int(now)), _letters(32)
        if probe:
            signature = PROBE + base64.b64encode(secrets.token_bytes(256)).decode()
        else:
            message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
            signature = base64.b64encode(self._private.sign(message, PKCS1v15(), SHA256())).decode()
        return {
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": signature,
            "Wechatpay-Serial": self._keys.public_key_id,
            "Wechatpay-Signature-Type": SCHEME,
        }

    def encrypt(self, plain: bytes, associated_data: str) -> dict[str, str]:
        """``resource`` of a notification; ``associated_data`` is also its original type, as on the real platform."""
        nonce = _letters(12)
        ciphertext = self._cipher.encrypt(nonce.encode(), plain, associated_data.encode())
        return {
            "original_type": associated_data,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(ciphertext).decode(),
            "associated_data": associated_data,
            "nonce": nonce,
        }


@functools.cache
def _rsa(pem: str) -> RSAPrivateKey:
    # Reading a private key proves its primes, which takes longer than a hundred signatures.
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")
    return key


def _letters(count: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))
