"""A hub for tests and benchmarks: the parts of the Hugging Face hub that a reader of models talks to, on loopback."""

from hub.faults import Fault, Request
from hub.link import Link
from hub.repository import Content, Repository, Stored, folder_files
from hub.server import Hub

__all__ = ["Content", "Fault", "Hub", "Link", "Repository", "Request", "Stored", "folder_files"]
