from __future__ import annotations

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
