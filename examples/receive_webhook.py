"""Receive airpocket's signed webhooks: verify, refuse old ones, take each message once.

Run it with the channel's secret, behind a server that speaks TLS::

    AIRPOCKET_WEBHOOK_SECRET=whsec_… python examples/receive_webhook.py 8000

Only the standard library is used, so :func:`verify` can be copied into a receiver as it is. The
headers are those of https://www.standardwebhooks.com, whose libraries verify them too.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer

TOLERANCE_S = 300
"""A message that says it was sent longer ago, or later, than this is a replay or a wrong clock."""

BODY_MAX = 1 << 20


class NotGenuineError(Exception):
    """The message was not sent by who has the secret, not now, or not in this form."""


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now_s: float
) -> tuple[str, dict[str, object]]:
    """Check a message and give its id and what it says.

    Parameters
    ----------
    headers
        Of the request, names in lower case.
    body
        Exactly the bytes that were received.
    secrets
        ``whsec_…``; two while one replaces the other.
    now_s
        Seconds since 1970.

    Raises
    ------
    NotGenuineError
        If nothing should be believed of it.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        raise NotGenuineError("no webhook-id or webhook-timestamp")
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise NotGenuineError("sent too long ago, or a wrong clock")
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    given = [part[3:] for part in headers.get("webhook-signature", "").split() if part[:3] == "v1,"]
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        if any(hmac.compare_digest(expected, one.encode()) for one in given):
            return message_id, json.loads(body)
    raise NotGenuineError("no signature of ours")


class Inbox(BaseHTTPRequestHandler):
    """Takes each message once: a second try with the same id is thanked for and dropped."""

    seen: set[str] = set()  # noqa: RUF012 - a real receiver keeps this in its database
    secrets: tuple[str, ...] = ()

    def do_POST(self) -> None:
        """Answer 204 for what is genuine, 401 for what is not."""
        size = self.headers.get("content-length", "")
        if not size.isdigit() or int(size) > BODY_MAX:
            self.send_error(413)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(size))
        try:
            message_id, told = verify(headers, body, self.secrets, time.time())
        except NotGenuineError as error:
            self.send_error(401, str(error))
            return
        if message_id not in self.seen:
            self.seen.add(message_id)
            print(told["headline"], flush=True)
        self.send_response(204)
        self.end_headers()


def main() -> None:
    """Serve on loopback."""
    Inbox.secrets = tuple(os.environ["AIRPOCKET_WEBHOOK_SECRET"].split())
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Inbox).serve_forever()


if __name__ == "__main__":
    main()
