"""Sessions, and the tokens that they are used and renewed with."""

import asyncio
import itertools
import secrets
from collections import OrderedDict

import fakesnow.server as fs

# When there are more, the idle one that was used least recently ends, as if the service had forgotten it:
# clients that are killed never close theirs.
SESSIONS_MAX = 200

_numbers = itertools.count(1)


class Session:
    """A session. One statement at a time: fakesnow's connections are not made for more."""

    def __init__(self, fakesnow_token: str, user: str, role: str | None, warehouse: str | None):
        self.number = next(_numbers)
        self.fakesnow_token = fakesnow_token
        self.connection = fs.sessions[fakesnow_token]
        self.user = user
        self.role = role
        self.warehouse = warehouse
        self.lock = asyncio.Lock()
        # The query that runs, and the task that closes the connection.
        self.running = self.closing = None
        self.token, self.master = secrets.token_urlsafe(24), secrets.token_urlsafe(24)

    def interrupt(self) -> None:
        """Stops the statement that runs, if it has got as far as DuckDB."""
        self.connection._duck_conn.interrupt()

    def renew(self) -> None:
        self.token, self.master = secrets.token_urlsafe(24), secrets.token_urlsafe(24)


class Sessions:
    """The sessions that are open, the least recently used first."""

    def __init__(self):
        self._open: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, session: Session) -> None:
        self._open[session.token] = session
        idle = [other for other in self._open.values() if not other.lock.locked()]
        for other in idle[: max(0, len(self._open) - SESSIONS_MAX)]:
            self.end(other)

    def of_token(self, token: str) -> Session | None:
        if token in self._open:
            self._open.move_to_end(token)
        return self._open.get(token)

    def of_master(self, master: str) -> Session | None:
        return next((session for session in self._open.values() if session.master == master), None)

    def renew(self, session: Session) -> None:
        del self._open[session.token]
        session.renew()
        self._open[session.token] = session

    def end(self, session: Session) -> None:
        del self._open[session.token]
        if session.running:
            session.running.abort()
        session.closing = asyncio.create_task(self._close(session))

    async def _close(self, session: Session) -> None:
        """Closes the connection after the statements that are still to run on it."""
        async with session.lock:
            fs.sessions.pop(session.fakesnow_token).close()
