"""An agency without the client library: steps 1 to 3 of section 5 (pip install boto3 jwcrypto)."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jwcrypto import jwk, jws


def decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def hash_of(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode("ascii")).digest()).rstrip(b"=").decode()


def strict(pairs: list) -> dict:
    """For json.loads, which would keep the last of two members of one name."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member appears twice")
    return dict(pairs)


def unwrap(kms, kms_key: str, agency: str, message: dict) -> bytes:
    """Step 1. `kms` is boto3.client("kms"); the context is recomputed, never taken from the message."""
    context = {
        "hotline": message["hotline"],
        "referral": message["id"],
        "agency": agency,
        "sealed": hash_of(message["sealed"]),
    }
    key = base64.b64decode(message["key"], validate=True)
    return kms.decrypt(KeyId=kms_key, CiphertextBlob=key, EncryptionContext=context)["Plaintext"]


def decrypt(sealed: str, content_key: bytes) -> str:
    """Step 2. Check the form of section 2 first."""
    header, _, iv, ciphertext, tag = sealed.split(".")
    if len(content_key) != 32 or len(decode(iv)) != 12 or len(decode(tag)) != 16:
        raise ValueError("decryption")
    plaintext = AESGCM(content_key).decrypt(decode(iv), decode(ciphertext) + decode(tag), header.encode("ascii"))
    return plaintext.decode("ascii")


def verify(token: str, hotline_keys: dict[str, jwk.JWK]) -> dict:
    """Step 3. `hotline_keys`: by thumbprint, confirmed, of the message's hotline, and counting at `acceptedAt`."""
    header = json.loads(decode(token.split(".")[0]), object_pairs_hook=strict)
    key = hotline_keys[header["kid"]]
    alg = "EdDSA" if key["kty"] == "OKP" else "ES256"
    if header != {"alg": alg, "kid": key.thumbprint(), "typ": "referral+jws"}:
        raise ValueError("signature")
    signed = jws.JWS()
    signed.allowed_algs = [alg]
    signed.deserialize(token, key)
    return json.loads(signed.payload, object_pairs_hook=strict)


# Then, before anything is shown to anybody: step 4 (the schema; the document equals what stood outside), step 5 (is it
# addressed to us?), and step 6 (hand over, post "opened", delete the message).
