"""The web server in front of the repositories of a run, one path prefix each."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import unquote

from simulator.repository import Repository, Request, Response


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body are sent apart: the second must not wait for the first to be acknowledged.
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        number, _, path = self.path.lstrip("/").partition("/")
        kind, _, raw = path.partition("/")
        repository = self.server.repositories.get(number)
        # Dot segments lead elsewhere at any server, and at any client's own reading of the URL.
        outside = any(unquote(segment) in (".", "..") for segment in self.path.split("/"))
        if repository is None or kind not in ("metadata", "targets") or outside:
            self.server.strays.append(self.path)
            self._send(None, Response(b"", 404))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(kind, raw, unquote(raw), headers)
        repository.requests.append(request)
        files = repository.files if kind == "metadata" else repository.target_files
        content = files.get(request.name)
        response = repository.answer(request, content)
        if response is None:
            response = Response(b"", 404) if content is None else Response(content)
        self._send(request, response)

    def _send(self, request: Request | None, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        whole = isinstance(response.body, bytes)
        if whole:
            self.send_header("Content-Length", str(len(response.body)))
        else:
            # The end of the body is the end of the connection.
            self.send_header("Connection", "close")
        try:
            self.end_headers()
            for part in (response.body,) if whole else response.body:
                self.wfile.write(part)
                if request is not None:
                    request.sent += len(part)
        except OSError:
            # The client has had enough, as some tests want it to.
            self.close_connection = True
        if not whole:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The repository's request log is enough."""


class Server(ThreadingHTTPServer):
    """Serves on a loopback port of its own until it is closed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.strays: list[str] = []
        """The paths that were asked for and belong to no repository, since the last one was added."""
        self._numbers = count(1)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def add(self, repository: Repository) -> str:
        """Serves a repository; gives its base URL, to which `metadata/` and `targets/` are to be added."""
        number = str(next(self._numbers))
        self.repositories[number] = repository
        self.strays.clear()
        return f"http://127.0.0.1:{self.server_address[1]}/{number}/"
