"""The command of `make live`: the live page on this machine alone, until Ctrl-C.

python -m lib.live.server chain.onnx 5010

The page is `page/`, the model is what `python -m lib.restore --export` wrote, and ONNX Runtime for
browsers comes from npm. All of it is served from here; the page may load nothing from elsewhere.
"""

import json
import signal
import sys
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from lib.inference.chain_runtime import HOP_LENGTH, SAMPLE_RATE, ChainStream

HOST = "127.0.0.1"
LAST_PORT = 65_535
PAGE = Path(__file__).parent / "page"
RUNTIME = PAGE / "node_modules/onnxruntime-web/dist/ort.wasm.min.mjs"
HEADERS = {
    # The page loads from this server alone, sends nothing, and no other page may frame it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"
    " style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    # A page that is isolated has exact clocks, and memory that threads may share.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # another model may be served at the same address
}


class Handler(SimpleHTTPRequestHandler):
    """The files of `page/`, `chain.onnx`, and `chain.json`, which says what the model takes."""

    # The machine's own table may call these otherwise, and a browser would refuse them.
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".css": "text/css",
        ".wasm": "application/wasm",
        ".onnx": "application/octet-stream",
    }

    def __init__(self, *arguments, model: Path, description: bytes) -> None:
        self.model, self.description = model, description
        super().__init__(*arguments, directory=str(PAGE))

    def handle(self) -> None:
        """As the class; a browser that leaves before it has all is no error."""
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """As the class, and `chain.json`."""
        if urlsplit(self.path).path != "/chain.json":
            super().do_GET()
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.description)))
        self.end_headers()
        self.wfile.write(self.description)

    def translate_path(self, path: str) -> str:
        """The file at an address: the model lies elsewhere."""
        is_model = urlsplit(path).path == "/chain.onnx"
        return str(self.model) if is_model else super().translate_path(path)

    def list_directory(self, path: str) -> None:
        """Folders are not listed."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """With `HEADERS`, errors included."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_request(self, *_) -> None:
        """Nothing: the terminal shows the address, and errors."""


def describe(model: Path) -> bytes:
    """What the page has to know of a model, as JSON: rate, hop, delay, shapes of the states.

    Raises:
        ValueError: the file is no exported chain.
    """
    chain = ChainStream(model)
    description = {
        "sample_rate": SAMPLE_RATE,
        "hop_length": HOP_LENGTH,
        "delay": int(chain.metadata["delay"]),  # samples, of the model itself
        "states": {name: list(state.shape) for name, state in chain.states.items()},
    }
    return json.dumps(description).encode()


def make_server(model: Path, port: int) -> ThreadingHTTPServer:
    """A server of the page with `model`, at 127.0.0.1; `serve_forever` starts it.

    Args:
        port: 0 takes a free one.

    Raises:
        SystemExit: ONNX Runtime for browsers is not there, the file is no exported chain, or the
            port is in use; the message says what to do.
    """
    if not RUNTIME.exists():
        raise SystemExit(f"{RUNTIME}: missing; `make live` fetches it with npm")
    try:
        description = describe(model)
    except ValueError as error:
        raise SystemExit(f"{error}; `python -m lib.restore --export {model}` writes one") from None
    try:
        handler = partial(Handler, model=model.resolve(), description=description)
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError as error:
        raise SystemExit(
            f"port {port}: {error.strerror}. If the page is served already, open"
            f" http://{HOST}:{port}; `make live PORT={port + 1}` serves another one"
        ) from None


def main(model: Path, port: int) -> int:
    """Serve until Ctrl-C; the exit status."""
    # `kill` ends it like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with make_server(model, port) as server:
            print(f"live page: http://{HOST}:{server.server_port} (Ctrl-C ends it)", flush=True)
            server.serve_forever()
    except KeyboardInterrupt:
        print("live page: ended")
        return 0


def parse(words: list[str]) -> tuple[Path, int]:
    """The model and the port that were typed.

    Raises:
        SystemExit: it is not a file and a number from 1 to 65535.

    >>> parse(["chain.onnx", "5010"])
    (PosixPath('chain.onnx'), 5010)
    """
    example = "python -m lib.live.server chain.onnx 5010"
    if len(words) != 2:
        raise SystemExit(f"expected a model and a port, like {example}")
    text = words[1]
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT):
        raise SystemExit(f"port {text!r}: expected a number from 1 to {LAST_PORT}, like {example}")
    return Path(words[0]), int(text)


if __name__ == "__main__":
    sys.exit(main(*parse(sys.argv[1:])))
