"""Where the page is served, and what nobody may do there."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Event
from typing import Any

from .studio import Studio

LOOPBACK, PORT = '127.0.0.1', 7860
# Read when they are imported; nobody is told that this page exists.
SILENCE = {
    'GRADIO_ANALYTICS_ENABLED': 'False',
    'HF_HUB_DISABLE_TELEMETRY': '1',
    'HF_HUB_OFFLINE': '1',
}
# The browser asks no other place for anything, whatever a page holds.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'self'; "
    "form-action 'self'"
)
HEADERS = {
    'content-security-policy': POLICY,
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
}


def require_gradio() -> None:
    """Raise an ``ImportError`` that says what to install."""
    if find_spec('gradio') is None:
        raise ImportError(
            'the page needs gradio; pip install "mmseg-missing[page]"'
        )


def free_port(host: str, port: int) -> int:
    """Return the port, or a free one for 0.

    Raises:
        ValueError: it cannot be had there.
    """
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    try:
        with socket.socket(family) as place:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind((host, port))
            return place.getsockname()[1]
    except socket.gaierror as error:
        raise ValueError(
            f'--host {host!r} is no address of this machine; use {LOOPBACK}'
        ) from error
    except OSError as error:
        raise ValueError(
            f'port {port} of {host} cannot be had ({error.strerror}); take '
            'another by `--port`, 0 for any that is free'
        ) from error


def is_loopback(host: str) -> bool:
    """Say whether nobody but this machine reaches an address."""
    try:
        return host == 'localhost' or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def served(studio: Studio, title: str, host: str, port: int) -> Iterator[str]:
    """Serve the page in this block and give its address.

    Files that people upload lie in a folder that goes at the end.

    Raises:
        ImportError: gradio is not installed.
    """
    require_gradio()
    with tempfile.TemporaryDirectory(prefix='mmseg-missing-') as folder:
        os.environ.update(SILENCE, GRADIO_TEMP_DIR=folder)
        import gradio as gr

        from .drawing import CSS
        from .samples import MOST_BYTES
        from .widgets import build_page

        page = build_page(studio, title)
        fonts = {'font': ['system-ui', 'sans-serif'], 'font_mono': 'monospace'}
        theme = gr.themes.Default(**fonts).set(
            body_text_color_subdued='*neutral_500',  # 4.5 to 1 on white
            checkbox_border_color='*neutral_500',
        )
        page.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            enable_monitoring=False,
            run_history=False,
            footer_links=[],
            max_file_size=MOST_BYTES,
            theme=theme,
            css=CSS,
            app_kwargs={'middleware': [_with_headers()]},
        )
        try:
            yield f'http://{f"[{host}]" if ":" in host else host}:{port}'
        finally:
            page.close(verbose=False)


def wait() -> None:
    """Return when somebody presses Ctrl-C or the system ends the process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        Event().wait()
    except KeyboardInterrupt:
        return


class _Headers:
    """Put our headers on every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_headers(message: dict) -> None:
            if message['type'] == 'http.response.start':
                ours = {k.encode(): v.encode() for k, v in HEADERS.items()}
                kept = [
                    pair
                    for pair in message.get('headers', ())
                    if pair[0].lower() not in ours
                ]
                message = {**message, 'headers': [*kept, *ours.items()]}
            await send(message)

        await self.app(scope, receive, with_headers)


def _with_headers() -> Any:
    from starlette.middleware import Middleware

    return Middleware(_Headers)
