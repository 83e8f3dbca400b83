from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from verification.domain.webhooks import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the test vectors
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_official_test_vector() -> None:
    assert signing.headers_of(ID, TIMESTAMP, BODY, [SECRET]) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_one_signature_for_each_secret() -> None:
    other = signing.new_secret()
    signatures = signing.headers_of(ID, TIMESTAMP, BODY, [other, SECRET])["webhook-signature"].split(" ")
    assert signatures == [signing.sign(ID, TIMESTAMP, BODY, other), SIGNATURE]


def test_secrets_are_256_random_bits() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    assert one != other
    assert (one[:6], len(one)) == ("whsec_", 50)


def test_the_documented_check_knows_what_is_ours() -> None:
    page = Path("docs/api/webhooks.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}  # Any: a module's names
    exec(program, names)  # our own page
    now = int(time.time())
    headers = signing.headers_of(ID, now, BODY, [signing.new_secret(), SECRET])
    assert names["is_ours"](headers, BODY, SECRET)
    assert not names["is_ours"](headers, BODY + b" ", SECRET)
    assert not names["is_ours"](headers, BODY, signing.new_secret())
    assert not names["is_ours"](signing.headers_of(ID, now - 301, BODY, [SECRET]), BODY, SECRET)
