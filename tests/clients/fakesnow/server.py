"""fakesnow as a server of the protocol that Snowflake's drivers speak. See `README.md`.

Usage: server.py [PORT]

Listens on 127.0.0.1, on a free port unless one is given, and says `listening on PORT` once it serves. It stops when its
stdin is closed: it does not outlive the test that started it.
"""

import asyncio
import os
import socket
import sys
import threading

import uvicorn

from wire import app


class Server(uvicorn.Server):
    """Says where it listens, once it does."""

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"listening on {sockets[0].getsockname()[1]}", flush=True)


def stop_with_stdin() -> None:
    """Ends the process, whatever it runs, when whoever started it is gone."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    # With its protocol named: asyncio sets TCP_NODELAY only on such, and without it each answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    threading.Thread(target=stop_with_stdin, daemon=True).start()
    config = uvicorn.Config(app, log_level="warning", backlog=1024, timeout_graceful_shutdown=1)
    asyncio.run(Server(config).serve([listener]))


if __name__ == "__main__":
    main()
