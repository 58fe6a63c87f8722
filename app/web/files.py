"""The files of the page."""

from importlib.resources import files

from aiohttp import web

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Nothing from elsewhere, nothing inline, and no text that becomes markup: not even the page's own script could."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class PageFile:
    """One of them, read once."""

    def __init__(self, name: str) -> None:
        self._content = files("app.web").joinpath("page", name).read_bytes()
        self._headers = {**_HEADERS, "Content-Type": f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"}

    async def answer(self) -> web.Response:
        """Return it with the headers that keep a browser to it."""
        return web.Response(body=self._content, headers=self._headers)


def page_files() -> dict[str, PageFile]:
    """Return all of them by their paths; the page itself is at `/`."""
    names = sorted(entry.name for entry in files("app.web").joinpath("page").iterdir())
    return {"/" if name == "index.html" else f"/{name}": PageFile(name) for name in names}
