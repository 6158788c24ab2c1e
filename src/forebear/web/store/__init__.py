"""What outlives the process, behind one interface."""

from forebear.web.store.base import Event, Job, Session, State, Store, Token, Upload
from forebear.web.store.open import open_store
from forebear.web.store.sqlite import SqliteStore

__all__ = ["Event", "Job", "Session", "SqliteStore", "State", "Store", "Token", "Upload", "open_store"]
