"""Clients that hand in jobs, whatever becomes of the server, and remember what they were told."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

AGAIN = {HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE}
PATIENCE_SECONDS = 300


@dataclass
class Sent:
    """A request, known in the database by its referenceJob, and the jobs it was told of."""

    name: str
    emails: list[str]
    keyed: bool
    jobs: list[str] = field(default_factory=list)
    other: list[int] = field(default_factory=list)  # statuses that should not come
    cut: int = 0  # answers that did not come


class Client(threading.Thread):
    """Sends requests until `done` is set: those with a key until they are answered, and half of them once more."""

    def __init__(self, number: int, url: str, secret: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.number, self.url, self.secret = number, url, secret
        self.rng = random.Random(f"{seed}:{number}")
        self.sent: list[Sent] = []
        self.done = threading.Event()
        self.answered = 0

    def run(self) -> None:
        with httpx.Client(timeout=60, headers={"X-License-Key": self.secret}) as http:
            while not self.done.is_set():
                self.sent.append(self.another())
                self.send(http, self.sent[-1])

    def another(self) -> Sent:
        name = f"client-{self.number}-{len(self.sent)}"
        rows = self.rng.choice((1, 10, 100, 1_000))
        return Sent(name, [f"user{row}@{name}.bulk-{row % 7}.test" for row in range(rows)], self.rng.random() < 0.6)

    def send(self, http: httpx.Client, sent: Sent) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        answers_wanted = self.rng.choice((1, 2)) if sent.keyed else 1
        while len(sent.jobs) < answers_wanted and time.monotonic() < deadline:
            self.try_once(http, sent)
            if not sent.keyed:
                break

    def try_once(self, http: httpx.Client, sent: Sent) -> None:
        to = [{"email": email} for email in sent.emails]
        body = json.dumps({"recipients": [{"mail": {"to": to}}], "job": {"referenceJob": sent.name}})
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": sent.name} if sent.keyed else {})
        try:
            answer = http.post(f"{self.url}/api/v1/jobs", content=body, headers=headers)
        except httpx.TransportError:
            sent.cut += 1
            time.sleep(0.05)
            return
        self.answered += 1
        if answer.status_code == HTTPStatus.ACCEPTED:
            sent.jobs.append(answer.json()["meta"]["jobId"])
        elif answer.status_code in AGAIN:
            time.sleep(0.1)
        else:
            sent.other.append(answer.status_code)
