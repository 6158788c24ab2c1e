"""Find out which model is behind an endpoint, as far as answers tell: controls, identifiers, tokenizer, behaviour."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from pathlib import Path

from forebear.endpoints import Budget, Live, Replay, Spent
from forebear.errors import InputError, UsageError
from forebear.index import Behaviour, BlackBoxIndex
from forebear.inspect.probe_behaviour import VERSION
from forebear.inspect.probe_names import names_in
from forebear.inspect.probe_plan import Settings, Trusted
from forebear.inspect.probe_result import Probe, findings_of, tokenizer_part
from forebear.inspect.probe_run import NONCE, Run, Step
from forebear.inspect.probe_tokenizers import vocabularies
from forebear.lineage.blackbox import Shown, judge
from forebear.signals.token_counts import ALPHA
from forebear.types import Cost, Coverage, to_json


def probe(
    url: str,
    model: str,
    *,
    expect: str | None = None,
    effort: str = "standard",
    seed: int = 0,
    behaviour: bool = True,
    alpha: float = ALPHA,
    trusted: Trusted | None = None,
    key: str = "",
    budget: Budget | None = None,
    log: Path | None = None,
    replay: Path | None = None,
    enrol: str | None = None,
    rate: float | None = None,
    index: BlackBoxIndex | None = None,
    on_step: Step = lambda _: None,
) -> Probe:
    """Which model is behind an endpoint?

    Args:
        url: of the endpoint.
        model: its name there; this, and the next two, see :class:`Settings`.
        expect: what it should be.
        effort: ``quick``, ``standard`` or ``deep``.
        seed: of everything that is drawn.
        behaviour: whether enrolled models are compared with.
        alpha: error rate of the test of token counts.
        trusted: an endpoint of the claimed model.
        key: of the API; never kept.
        budget: what may be spent.
        log: where every exchange is written; one that is there is gone on with.
        replay: a log to answer from instead of the endpoint.
        enrol: a name under which the index keeps how the endpoint continues texts, after it was probed.
        rate: requests a second at most.
        index: of the user's tokenizers and enrolled models.
        on_step: told what is being done.

    Raises:
        UsageError: the address cannot be used, the network is forbidden, or the name to enrol under is taken.
        InputError: the log cannot be read, or the endpoint denies access or cannot be reached at all.
    """
    settings = Settings(model, expect, effort, seed, behaviour, alpha, trusted)
    if not model.strip() or (expect is not None and not expect.strip()):
        raise UsageError(f"{'--expect' if model.strip() else '--model'} is empty", "name a model")
    began = time.monotonic()
    store = index or BlackBoxIndex()
    kept = {name: getattr(settings, name) for name in ("effort", "expect", "behaviour", "alpha")}
    transport: Live | Replay
    if replay is not None:
        transport = Replay(replay, budget)
    else:
        transport = Live(
            url, key, model=settings.model, seed=settings.seed, settings=kept, budget=budget, log=log, rate=rate
        )
    run = Run(transport, settings, store, on_step, enrolling=enrol is not None)
    run.trusted = _second(settings.trusted, settings.seed, budget, log, replay, rate)
    try:
        run.all()
    finally:
        transport.close()
        if run.trusted is not None:
            run.trusted.close()
    result = _concluded(run, transport.digest, log or replay, time.monotonic() - began)
    if enrol is not None:
        _keep(run, enrol, result)
    return result


def _second(
    trusted: Trusted | None, seed: int, budget: Budget | None, log: Path | None, replay: Path | None, rate: float | None
) -> Live | Replay | None:
    """The way to the trusted endpoint, with a log of its own beside the first one's; None where there is none."""
    if trusted is None:
        return None
    if replay is not None:
        return Replay(_beside(replay), budget)
    own = _beside(log) if log else None
    return Live(trusted.url, trusted.key, model=trusted.model, seed=seed, budget=budget, log=own, rate=rate)


def _beside(log: Path) -> Path:
    return log.with_name(f"{log.name}.trusted")


def _together(a: Spent, b: Spent) -> Spent:
    """What was spent at both endpoints."""
    return Spent(*(getattr(a, f.name) + getattr(b, f.name) for f in fields(Spent)))


def _keep(run: Run, name: str, result: Probe) -> None:
    """Enrol the endpoint, if it answered."""
    if not run.continuations:
        raise InputError(f"{run.transport.url}: continued no text, so nothing was enrolled", "allow more requests")
    matches = tuple(result.tokenizer["matches"]) if result.tokenizer else ()
    run.index.add_behaviour(Behaviour(name, VERSION, run.continuations, run.transport.url, matches))


def _concluded(run: Run, digest: str, log: Path | None, seconds: float) -> Probe:
    transport, settings = run.transport, run.settings
    spent = _together(transport.spent, run.trusted.spent if run.trusted is not None else Spent())
    known = vocabularies(run.index)
    named = names_in(transport.exchanges, {settings.model, f"{NONCE}-{settings.seed}"})
    counted = run.counted
    telling = (n.said for n in named if n.served and not n.echo)
    shown = Shown(counted, tuple(telling), run.behaviour, run.equality)
    claims = [(settings.expect, "--expect")] if settings.expect else []
    judged = judge([*claims, (settings.model, "the name of the model")], shown, known)
    findings = findings_of(judged, counted, named, run.equality)
    offered = to_json(replace(run.offer, dialects=())) if run.offer else {}
    offered["dialects"] = [dialect.name for dialect in run.offer.dialects] if run.offer else []
    return Probe(
        endpoint={"url": transport.url, **offered},
        model=settings.model,
        verdict=judged.outcome,
        why=judged.why,
        identifiers=named,
        tokenizer=tokenizer_part(run.counts, counted, settings.alpha, run.fits),
        behaviour=run.behaviour,
        equality=run.equality,
        judged=judged,
        findings=findings,
        coverage=Coverage(tuple(run.tested), tuple(run.untested)),
        cost=Cost(spent.bytes_read, spent.requests, seconds),
        spent={
            "prompt_tokens": spent.prompt_tokens,
            "completion_tokens": spent.completion_tokens,
            "price": spent.price(transport.budget),
        },
        log={"path": str(log), "digest": digest} if log else None,
        problems=tuple(run.problems),
    )
