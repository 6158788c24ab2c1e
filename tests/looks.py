"""The pages in a real browser: a service with something on every page, screenshots, and what axe-core says."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from forebear.catalogue import names
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.demo import run as demo
from forebear.inspect.index_tree import index_tree
from forebear.web.app import create_app
from forebear.web.crew import Crew
from forebear.web.settings import Settings
from forebear.web.store import Job, State, Store
from forebear.web.tokens import make_token

CHROMIUM = Path(os.environ.get("FOREBEAR_CHROMIUM", "/usr/bin/chromium"))
AXE = Path(os.environ.get("FOREBEAR_AXE", "node_modules/axe-core/axe.min.js"))
WIDTHS = {"phone": 390, "laptop": 1280, "print": 794}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
HOSTILE = "<script>alert(1)</script>\u202egnp.exe \u2066" + "long-" * 30


@dataclass(frozen=True)
class Site:
    """A service that listens: where, who may sign in, and its jobs by what they show."""

    address: str
    token: str
    jobs: dict[str, str]

    @property
    def pages(self) -> dict[str, str]:
        """Every page, by a name for its picture."""
        fixed = {
            "home": "/",
            "references": "/references",
            "references-none": "/references?q=nothing",
            "model": "/model?name=meta-llama/base",
            "tree": "/tree",
            "compare": "/compare",
            "verify": "/verify",
            "identify": "/identify",
            "policy": "/policy",
            "probe": "/probe",
            "jobs": "/jobs",
            "problem": "/jobs/" + "0" * 32,
        }
        return {**fixed, **{f"job-{name}": f"/jobs/{id}" for name, id in self.jobs.items()}}


@contextmanager
def site(home: Path) -> Iterator[Site]:
    """A service on a free port, without workers: its jobs ended before, with real documents."""
    index = LocalIndex(home)
    models = resources.files("forebear") / "data" / "demo"
    for name in ("base", "finetune", "twin"):
        enrol(str(models / name), index, f"meta-llama/{name}")
    token, text = make_token("ann", ("read", "submit", "probe"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    app = create_app(Settings(home / "service", rate=1e6, burst=10**6))
    store: Store = app.state.service.store
    store.add_token(token)
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Crew, "_work", lambda self: self._stopping.wait())
        thread.start()
        while not server.started:
            time.sleep(0.02)
        jobs = {name: _kept(store, token.id, *what) for name, what in _documents(index).items()}
        try:
            yield Site(f"http://127.0.0.1:{port}", text, jobs)
        finally:
            server.should_exit = True
            thread.join(20)


def _documents(index: LocalIndex) -> dict[str, tuple[str, dict[str, Any], State, Any]]:
    """Kind, request, state and what came of it, by a name."""
    shown = demo()
    scan = shown.cases[0][2].to_json()
    said = names.decode("accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast", named=True)
    assert said is not None
    hostile = json.loads(json.dumps(scan))
    hostile["model"]["name"] = HOSTILE
    broken = {"message": f"{HOSTILE}: no weights in it", "hint": "give the model's folder", "exit_code": 4}
    return {
        "demo": ("demo", {}, State.DONE, shown.to_json()),
        "scan": ("scan", {"target": "org/name"}, State.DONE, scan),
        "family": ("family", {}, State.DONE, index_tree(index).to_json()),
        "hostile": ("scan", {"target": HOSTILE}, State.DONE, hostile),
        "failed": ("scan", {"target": HOSTILE}, State.FAILED, broken),
        "running": ("compare", {"a": "org/base", "b": "org/child"}, State.RUNNING, None),
    }


def _kept(store: Store, owner: str, kind: str, request: dict[str, Any], state: State, found: Any) -> str:
    job = Job(os.urandom(16).hex(), owner, kind, request, created="2026-11-29T14:02:00Z")
    store.beat("elsewhere", 3_600, (), next(iter(store.servers().values()), ""))
    store.add_job(job, "elsewhere")  # else the crew takes it up
    claimed = store.claim("elsewhere")
    assert claimed is not None and claimed.id == job.id
    for step in ("reading org/base", "reading org/child", "comparing layer 3 of 24"):
        store.tell(claimed, step)
    if state is State.DONE:
        store.finish(claimed, state, json.dumps(found).encode(), None)
    elif state is State.FAILED:
        store.finish(claimed, state, None, found)
    return job.id


def sign_in(page: Any, site: Site) -> None:
    """Sign in as a person does: type the token, press Enter."""
    page.goto(f"{site.address}/sign-in")
    page.keyboard.type(site.token)  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.address}/")


def violations(page: Any, axe: str) -> list[str]:
    """What axe-core finds on a page that is open, a line each; WCAG 2.2 AA and its best practices."""
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run({runOnly: {type: 'tag', values: rules}})", RULES)
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:160]}"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]
