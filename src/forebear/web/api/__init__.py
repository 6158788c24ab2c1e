"""The routes, below ``/api/v1``: a file for each thing that there is."""

from fastapi import APIRouter

from forebear.web.api import jobs, results, uploads

ROUTERS: tuple[APIRouter, ...] = (jobs.router, results.router, uploads.router)
"""Every router, in the order in which the description of the interface has them."""
