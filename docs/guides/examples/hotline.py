"""A hotline without the client library: seals a referral, signs and submits it (pip install jwcrypto requests)."""

import base64
import hashlib
import json
import secrets
import time
from urllib.parse import urlsplit

import requests
from jwcrypto import jwe, jwk, jws

BUCKETS = (4096, 16384, 65536, 212992)


def compact(header: dict) -> str:
    return json.dumps(header, separators=(",", ":"))


def uuid7() -> str:
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def seal(document: dict, signing_key: jwk.JWK, intake_key: jwk.JWK) -> str:
    """Section 2. Store what it returns before sending it; a retry sends the same characters."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    bucket = next(size for size in BUCKETS if size >= len(text))
    signed = jws.JWS(text.ljust(bucket))
    alg = "EdDSA" if signing_key["kty"] == "OKP" else "ES256"
    header = {"alg": alg, "kid": signing_key.thumbprint(), "typ": "referral+jws"}
    signed.add_signature(signing_key, protected=compact(header))
    header = {
        "alg": "RSA-OAEP-256",
        "enc": "A256GCM",
        "kid": intake_key.thumbprint(),
        "typ": "referral+jwe",
        "cty": "referral+jws",
    }
    sealed = jwe.JWE(signed.serialize(compact=True).encode(), protected=compact(header), recipient=intake_key)
    return sealed.serialize(compact=True)


def sign_request(method: str, url: str, body: bytes, partner: str, key: jwk.JWK, created: int) -> dict:
    """Section 6, for an Ed25519 key."""
    parts = urlsplit(url)
    values = {"@method": method, "@authority": parts.netloc.lower(), "@path": parts.path, "@query": "?"}
    headers = {}
    if body:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        headers = {"content-type": "application/json", "content-digest": f"sha-256=:{digest}:"}
    values |= headers
    names = " ".join(f'"{name}"' for name in values)
    params = f'({names});created={created};keyid="{partner}/{key.thumbprint()}";tag="referral-relay"'
    base = "\n".join([*(f'"{name}": {value}' for name, value in values.items()), f'"@signature-params": {params}'])
    signature = base64.b64encode(key.get_op_key("sign").sign(base.encode())).decode()
    return {**headers, "signature-input": f"relay={params}", "signature": f"relay=:{signature}:"}


def call(relay: str, method: str, path: str, partner: str, key: jwk.JWK, body: dict | None = None) -> dict:
    content = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    headers = sign_request(method, relay + path, content, partner, key, int(time.time()))
    response = requests.request(method, relay + path, data=content or None, headers=headers, timeout=60)
    answer = response.json()
    if not response.ok:
        raise RuntimeError(f"{response.status_code} {answer.get('code')}: {answer.get('detail')}")
    return answer


def refer(relay: str, partner: str, key: jwk.JWK, pinned_intake_key: str, draft: dict) -> dict:
    written_at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    origin = {"schema": "referral/1", "id": uuid7(), "hotline": partner, "writtenAt": written_at}
    document = {**origin, **{name: value for name, value in draft.items() if name != "schema"}}
    directory = call(relay, "GET", "/v1/directory", partner, key)
    intake_key = jwk.JWK(**next(each["jwk"] for each in directory["intakeKeys"] if each["current"]))
    if intake_key.thumbprint() != pinned_intake_key:
        raise RuntimeError("The intake key is not the one that was compared with the operator.")
    outside = {name: document[name] for name in ("id", "routing", "urgency", "onward")}
    submission = {**outside, "sealed": seal(document, key, intake_key)}
    # Store `submission` here, durably, and send exactly that again after any failure.
    return call(relay, "POST", "/v1/referrals", partner, key, submission)
