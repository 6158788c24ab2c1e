"""The service behind ``forebear serve``: jobs over HTTP, for people and programs without the command line.

    settings   what an operator decides
    limits     how each of its bounds is called
    store      what outlives the process: jobs, results, tokens, uploads (``Store``; SQLite, PostgreSQL)
    work       what a job can be (``WORK``), run in processes of its own (``crew``), confined (``confine``)
    api        the routes; ``guard`` stands before all of them, and before that the ``listener``
    pages      for people; none yet

The extra ``serve`` brings FastAPI and uvicorn. Nothing here imports the command line.
"""
