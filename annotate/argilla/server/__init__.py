"""A real Argilla server of one's own, without Docker and without Elasticsearch.

It has two sides, which never import each other:

- The files of this folder belong to `firstfault`. They make the server's environment, look after its
  folder, start it and stop it.
- Those in `inside/` run in that environment. Argilla's server needs other versions of pydantic, typer and
  httpx than we do, so nothing there can import `firstfault`, and nothing here can import them. What passes
  between the two is a command line, an inherited socket, and lines of JSON.
"""
